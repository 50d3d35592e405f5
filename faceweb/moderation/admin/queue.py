"""How the queue is narrowed down."""

from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from faceweb.moderation.admin.words import colleague
from faceweb.moderation.clock import moderators
from faceweb.moderation.models import Case
from faceweb.moderation.reasons import reason_of


class StateFilter(SimpleListFilter):
    """Open cases unless one asks for others."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("closed", "Closed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        default, *others = super().choices(changelist)
        yield {**default, "display": "Open"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if self.value() == "all":
            return queryset
        state = Case.State.CLOSED if self.value() == "closed" else Case.State.OPEN
        return queryset.filter(state=state)


class AssigneeFilter(SimpleListFilter):
    title = "assignee"
    parameter_name = "assignee"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        others = [
            (str(person.pk), colleague(person))
            for person in moderators()
            if person.pk != request.user.pk
        ]
        return [("me", "Me"), ("nobody", "Nobody"), *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        wanted = self.value()
        if wanted is None:
            return queryset
        if wanted == "me":
            return queryset.filter(assignee_id=request.user.pk)
        if wanted == "nobody":
            return queryset.filter(assignee=None)
        known = {value for value, _ in self.lookup_choices}
        return queryset.filter(assignee__pk=wanted) if wanted in known else queryset.none()


class ClockFilter(SimpleListFilter):
    title = "clock"
    parameter_name = "clock"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("overdue", "Overdue"), ("running", "Running")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if self.value() == "overdue":
            return queryset.filter(state=Case.State.OPEN, due_at__lte=timezone.now())
        if self.value() == "running":
            return queryset.filter(state=Case.State.OPEN, due_at__gt=timezone.now())
        return queryset


class ReasonFilter(SimpleListFilter):
    """The reasons there are cases for, in words."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        codes = Case.objects.order_by("reason").values_list("reason", flat=True).distinct()
        return [(code, reason_of(code).label) for code in codes if code]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        return queryset.filter(reason=self.value()) if self.value() else queryset
