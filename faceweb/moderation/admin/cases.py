"""The queue, and the page of one case."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from faceweb.moderation.admin import bulk
from faceweb.moderation.admin.base import LookOnlyAdmin, staff
from faceweb.moderation.admin.case_page import Draft, case_context, case_copies, case_photos
from faceweb.moderation.admin.flow import case_after
from faceweb.moderation.admin.pictures import PROOFS, picture_response, picture_reveal
from faceweb.moderation.admin.queue import AssigneeFilter, ClockFilter, ReasonFilter, StateFilter
from faceweb.moderation.admin.words import age_words, clock_of, colleague, urgency_word
from faceweb.moderation.decisions import (
    DECIDE,
    UNDO,
    UNDOABLE,
    case_assign,
    case_decide,
    case_release,
    decision_undo,
)
from faceweb.moderation.errors import CaseChanged, DecisionRefused, ModerationError, NotPermitted
from faceweb.moderation.holds import hold_release, hold_set
from faceweb.moderation.models import Case, Decision
from faceweb.moderation.reasons import reason_of
from faceweb.people.models import User

REVEAL = "moderation.reveal_picture"
# Which case "next" opened: left undecided, it goes back to everybody.
_OPENED = "moderation_opened_by_next"


@admin.register(Case)
class CaseAdmin(LookOnlyAdmin):
    """All cases in one list, by urgency; decided on a page of their own or several at once."""

    list_display = (
        "what", "about", "pressing", "age", "clock", "said", "who",
    )  # fmt: skip
    list_filter = (
        StateFilter, ("kind", admin.ChoicesFieldListFilter), ReasonFilter, AssigneeFilter,
        ClockFilter,
    )  # fmt: skip
    list_select_related = ("assignee",)
    list_before_template = "moderation/panel/queue_head.html"
    search_fields = ("ticket", "reports__ticket", "photo__id")
    search_help_text = "A ticket, or a picture's id."
    ordering = ("-urgency", F("due_at").asc(nulls_last=True), "opened_at", "pk")
    sortable_by = ()
    actions = ("take", "dismiss", "unshare", "delete_pictures")

    class Media:
        css = {"all": ("moderation/cases.css",)}
        js = ("moderation/cases.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return super().get_queryset(request).annotate(report_count=Count("reports", distinct=True))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DECIDE)

    # --- the list ---------------------------------------------------------------------------------
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        waiting = Case.objects.open()
        figures = {
            "open_count": waiting.count(),
            "mine_count": waiting.filter(assignee_id=request.user.pk).count(),
            "free_count": waiting.filter(assignee=None).count(),
            "overdue_count": waiting.filter(due_at__lte=timezone.now()).count(),
            "may_decide": self.has_decide_permission(request),
            "title": "Cases",
        }
        return super().changelist_view(request, {**figures, **(extra_context or {})})

    @admin.display(description="case")
    def what(self, case: Case) -> SafeString:
        return format_html(
            '<span class="case-kind">{}</span> <span class="case-ticket">{}</span>',
            case.get_kind_display().capitalize(),
            case.ticket,
        )

    @admin.display(description="about")
    def about(self, case: Case) -> str:
        return reason_of(case.reason).label

    @admin.display(description="urgency")
    def pressing(self, case: Case) -> SafeString:
        word = urgency_word(case)
        return format_html('<span class="chip chip-{}">{}</span>', word, word)

    @admin.display(description="age")
    def age(self, case: Case) -> str:
        return age_words(case.opened_at)

    @admin.display(description="clock")
    def clock(self, case: Case) -> SafeString:
        clock = clock_of(case)
        if clock.level == "none":
            return format_html('<span class="case-quiet">{}</span>', clock.words)
        return format_html('<span class="chip clock-{}">{}</span>', clock.level, clock.words)

    @admin.display(description="reports")
    def said(self, case: Case) -> str:
        return str(getattr(case, "report_count", 0) or "")

    @admin.display(description="assignee")
    def who(self, case: Case) -> str:
        return colleague(case.assignee)

    # --- several at once --------------------------------------------------------------------------
    @admin.action(description="Take the selected cases", permissions=["decide"])
    def take(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        by = staff(request)
        refusals = []
        cases = list(queryset)
        for case in cases:
            try:
                case_assign(case_id=case.pk, to=by, by=by)
            except ModerationError as error:
                refusals.append((case, error))
        if taken := len(cases) - len(refusals):
            self.message_user(request, f"{taken} taken: they are yours now.", messages.SUCCESS)
        bulk.say_refusals(request, refusals)

    @admin.action(description="Dismiss the selected cases", permissions=["decide"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse:
        return self._ask(request, queryset, Decision.Action.DISMISS)

    @admin.action(description="Unshare the pictures of the selected cases", permissions=["decide"])
    def unshare(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse:
        return self._ask(request, queryset, Decision.Action.UNSHARE)

    @admin.action(description="Delete the pictures of the selected cases", permissions=["decide"])
    def delete_pictures(self, request: HttpRequest, queryset: QuerySet[Case]) -> HttpResponse:
        return self._ask(request, queryset, Decision.Action.DELETE)

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Case], action: Decision.Action
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **bulk.confirm_context(list(queryset), action),
            "opts": self.opts,
        }
        return TemplateResponse(request, "moderation/panel/bulk.html", context)

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """What was confirmed is done, each case by the version that was shown."""
        self._must(request, DECIDE)
        bulk.decide(request, staff(request))
        return redirect("admin:moderation_case_changelist")

    # --- one case ---------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        def one(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            wrapped = self.admin_site.admin_view(require_POST(view))
            return path(route, wrapped, name=f"moderation_case_{name}")

        return [
            one("bulk/", self.bulk_view, "bulk"),
            one("next/", self.next_view, "next"),
            one("<uuid:case_id>/decide/", self.decide_view, "decide"),
            one("<uuid:case_id>/undo/", self.undo_view, "undo"),
            one("<uuid:case_id>/assign/", self.assign_view, "assign"),
            one("<uuid:case_id>/release/", self.release_view, "release"),
            one("<uuid:case_id>/hold/", self.hold_view, "hold"),
            one("<uuid:case_id>/reveal/", self.reveal_view, "reveal"),
            path(
                "<uuid:case_id>/picture/<str:token>/",
                self.admin_site.admin_view(self.picture_view),
                name="moderation_case_picture",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        wanted = "copies" in request.GET
        return self._page(request, self._case(request, object_id), with_copies=wanted)

    def decide_view(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        self._must(request, DECIDE)
        by, post = staff(request), request.POST
        action = post.get("action", "")
        draft = Draft(action, post.get(f"reason-{action}", ""), post.get("text", "").strip())
        try:
            decision = case_decide(
                case_id=self._case(request, case_id).pk,
                version=_number(post.get("version", "")),
                by=by,
                action=action,
                reason=draft.reason,
                text=draft.text,
            )
        except ModerationError as error:
            return self._page(request, self._case(request, case_id), draft, error)
        following = case_after(case=decision.case, by=by)
        if following is None:
            messages.success(request, "Decided. Nothing else waits in the queue.")
            return redirect("admin:moderation_case_change", case_id)
        request.session[_OPENED] = str(following.pk)
        url = reverse("admin:moderation_case_change", args=[following.pk])
        return redirect(f"{url}?done={decision.pk}")

    def undo_view(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = self._case(request, case_id)
        decision = case.decisions.filter(pk=_number(request.POST.get("decision", ""))).first()
        if decision is None:
            raise Http404
        try:
            decision_undo(decision=decision, by=staff(request))
        except ModerationError as error:
            return self._page(request, self._case(request, case_id), error=error)
        messages.success(request, f"Taken back. {case.ticket} is open again.")
        return redirect("admin:moderation_case_change", case_id)

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """Open the next case of the queue; after ``case`` where one is named."""
        self._must(request, DECIDE)
        named = request.POST.get("case", "")
        current = self._case(request, named) if named else None
        put_back = current is not None and request.session.get(_OPENED) == str(current.pk)
        following = case_after(case=current, by=staff(request), put_back=put_back)
        if following is None:
            messages.info(request, "Nothing else waits for you in the queue.")
            return redirect("admin:moderation_case_changelist")
        request.session[_OPENED] = str(following.pk)
        return redirect("admin:moderation_case_change", following.pk)

    def assign_view(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        self._must(request, DECIDE)
        by, wanted = staff(request), request.POST.get("to", "")
        people = User.objects.filter(is_active=True, is_staff=True)
        to = by if not wanted else _found(people, wanted)
        request.session.pop(_OPENED, None)
        return self._do(request, case_id, lambda: case_assign(case_id=case_id, to=to, by=by))

    def release_view(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        self._must(request, DECIDE)
        return self._do(request, case_id, lambda: case_release(case_id=case_id, by=staff(request)))

    def hold_view(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        case = self._case(request, case_id)
        if case.photo is None:
            raise Http404
        note = request.POST.get("note", "").strip()[:200]
        if not note:
            missing = DecisionRefused("note_missing")
            return self._page(request, case, error=missing)
        service = hold_set if request.POST.get("hold") == "on" else hold_release
        photo = case.photo
        return self._do(
            request, case_id, lambda: service(photo=photo, by=staff(request), reason=note)
        )

    def reveal_view(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        """Log that somebody looks, and say where the picture is for the next two minutes."""
        self._must(request, REVEAL)
        case, what = self._case(request, case_id), request.POST.get("what", "")
        found = case_photos(case)
        is_copy = what not in found and what not in PROOFS
        if is_copy:
            found = case_copies(case)
        photos = {key: photo for key, (photo, *_) in found.items()}
        token = picture_reveal(case=case, what=what, photos=photos, by=staff(request))
        address = reverse("admin:moderation_case_picture", args=[case.pk, token])
        if request.accepts("text/html"):
            shown = (what, address)
            return self._page(request, case, revealed=shown, with_copies=is_copy)
        return JsonResponse({"address": address})

    def picture_view(self, request: HttpRequest, case_id: UUID, token: str) -> HttpResponseBase:
        self._must(request, REVEAL)
        case = self._case(request, case_id)
        return picture_response(request, case=case, token=token, by=staff(request))

    # --- helpers ----------------------------------------------------------------------------------
    def _must(self, request: HttpRequest, permission: str) -> None:
        if not request.user.has_perm(permission):
            raise PermissionDenied

    def _case(self, request: HttpRequest, case_id: object) -> Case:
        if not self.has_view_permission(request):
            raise PermissionDenied
        cases = Case.objects.select_related("photo__owner", "person", "assignee")
        return _found(cases, case_id)

    def _do(
        self, request: HttpRequest, case_id: UUID, service: Callable[[], object]
    ) -> HttpResponse:
        try:
            service()
        except ModerationError as error:
            return self._page(request, self._case(request, case_id), error=error)
        return redirect("admin:moderation_case_change", case_id)

    def _page(
        self,
        request: HttpRequest,
        case: Case,
        draft: Draft | None = None,
        error: ModerationError | None = None,
        revealed: tuple[str, str] = ("", ""),
        with_copies: bool = False,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **case_context(case, staff(request), draft or Draft(), with_copies=with_copies),
            "title": f"{case.get_kind_display().capitalize()} {case.ticket}",
            "opts": self.opts,
            "media": self.media,
            "error": error,
            "is_changed": isinstance(error, CaseChanged),
            "revealed": revealed[0],
            "revealed_address": revealed[1],
            "done": _done(request),
        }
        status = 200
        if error is not None:
            status = {CaseChanged: 409, NotPermitted: 403}.get(type(error), 400)
        return TemplateResponse(request, "moderation/panel/case.html", context, status=status)


def _done(request: HttpRequest) -> dict[str, Any] | None:
    """The decision that led here, with the way to take it back."""
    key = _number(request.GET.get("done", ""))
    decision = Decision.objects.filter(pk=key, by_id=request.user.pk).select_related("case").first()
    if decision is None or decision.undone_at is not None:
        return None
    may_undo = decision.action in UNDOABLE and request.user.has_perm(UNDO)
    return {"decision": decision, "may_undo": may_undo}


def _number(text: str) -> int:
    """A number from a form; -1, which nothing has, where there is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _found(queryset: QuerySet[Any], key: object) -> Any:
    try:
        row = queryset.filter(pk=UUID(str(key))).first()
    except ValueError:
        row = None
    if row is None:
        raise Http404
    return row
