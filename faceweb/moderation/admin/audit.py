"""The audit log: read, searched and taken away as a file by leads and admins; changed by nobody."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import RangeDateFilter

from faceweb.moderation.admin.base import LookOnlyAdmin, staff
from faceweb.moderation.admin.words import colleague
from faceweb.moderation.audit import audit_export
from faceweb.moderation.clock import moderators
from faceweb.moderation.models import AuditEntry


class ActionFilter(admin.SimpleListFilter):
    """What it was about: the first word of the action's code."""

    title = "action"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
        groups = dict.fromkeys(code.partition(".")[0] for code in codes)
        return [(group, group.replace("_", " ").capitalize()) for group in groups]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        return queryset.filter(action__startswith=f"{self.value()}.") if self.value() else queryset


class DayFilter(RangeDateFilter):
    """From one day to another, both included; what is no date narrows nothing down."""

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        first, last = (self._midnight(f"at_{end}") for end in ("from", "to"))
        if first is not None:
            queryset = queryset.filter(at__gte=first)
        if last is not None:
            queryset = queryset.filter(at__lt=last + timedelta(days=1))
        return queryset

    def _midnight(self, name: str) -> datetime | None:
        try:
            day = parse_date(str(self.used_parameters.get(name) or ""))
        except ValueError:
            return None
        return timezone.make_aware(datetime.combine(day, time.min)) if day else None


class ActorFilter(admin.SimpleListFilter):
    """Colleagues by name, and the site itself."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        people = [(str(person.pk), colleague(person)) for person in moderators()]
        return [("site", "The site itself"), *people]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        wanted = self.value()
        if wanted is None:
            return queryset
        if wanted == "site":
            return queryset.filter(actor_id=None)
        known = {value for value, _ in self.lookup_choices}
        return queryset.filter(actor_id=wanted) if wanted in known else queryset.none()


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnlyAdmin):
    list_display = ("at", "actor", "action", "target_type", "target_id", "case_ticket", "reason")
    list_filter = (ActionFilter, ActorFilter, ("at", DayFilter), "target_type")
    list_filter_submit = True
    search_fields = ("case_ticket", "target_id", "actor", "action", "reason")
    search_help_text = "A ticket, an id, an account, an action or a reason."
    list_before_template = "moderation/panel/audit_head.html"
    ordering = ("-at", "-pk")
    actions = None
    fields = (
        "at", "actor", "action", "target_type", "target_id", "case_ticket", "reason", "details",
    )  # fmt: skip

    class Media:
        css = {"all": ("moderation/cases.css",)}

    def get_urls(self) -> list[URLPattern]:
        export = path(
            "export/", self.admin_site.admin_view(self.export_view),
            name="moderation_auditentry_export",
        )  # fmt: skip
        return [export, *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """What the list shows with its search and filters, as a file."""
        if not self.has_view_permission(request) or request.method != "POST":
            raise PermissionDenied
        entries = self.get_changelist_instance(request).get_queryset(request)
        lines = audit_export(entries=entries.order_by(), by=staff(request), form="csv")
        day = timezone.now().strftime("%Y-%m-%d")
        return StreamingHttpResponse(
            _pieces(lines),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="faceweb-audit-{day}.csv"'},
        )


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    for line in lines:
        yield line.encode()
