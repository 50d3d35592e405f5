"""Jobs in the admin panel: to be read, cancelled and tried again, never edited."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from faceweb.work.errors import JobRefused
from faceweb.work.models import Job
from faceweb.work.services import job_cancel, job_retry


@admin.register(Job)
class JobAdmin(ModelAdmin):
    """What every job is doing and why it ended."""

    list_display = ("id", "kind", "state", "percent", "attempt", "owner", "engine", "created_at")
    list_filter = ("state", "kind", "engine", "created_at")
    list_select_related = ("owner",)
    search_fields = ("id", "owner__email", "error_code")
    date_hierarchy = "created_at"
    actions = ("cancel", "retry")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may change what becomes of people's jobs."""
        return request.user.has_perm("work.change_job")

    @admin.action(description="Cancel the selected jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, lambda job: job_cancel(job=job), "cancelled")

    @admin.action(description="Try the selected jobs again", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, lambda job: job_retry(job=job), "queued again")

    def _each(
        self,
        request: HttpRequest,
        jobs: QuerySet[Job],
        act: Callable[[Job], bool],
        done: str,
    ) -> None:
        changed = unchanged = 0
        for job in jobs:
            try:
                acted = act(job)
            except JobRefused:
                acted = False
            changed += acted
            unchanged += not acted
        self.message_user(request, f"{changed} {done}.", messages.SUCCESS)
        if unchanged:
            note = f"{unchanged} left as they were, by their state or their owner's limit."
            self.message_user(request, note, messages.WARNING)
