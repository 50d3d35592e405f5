"""The studio and the start of a swap."""

from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from faceweb.core.words import refusal_headers, status_of
from faceweb.media.consent import CONSENT_TEXT, CONSENT_VERSION
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work import kinds
from models.refusals import Refusal
from swaps.forms import SLOTS, Slot, StudioState, parse_uuid
from swaps.services import engine_label, swap_request
from swaps.studio import StartCheck, asset_in_state, studio_open, studio_verdict, well_photo

PICK_PAGE: Final = 24


@login_required
@require_GET
def studio(request: HttpRequest) -> HttpResponse:
    """The studio; what lies in it is said by the address, so that a reload loses nothing."""
    return _render_studio(request, StudioState.from_query(request.GET))


@login_required
@require_GET
def studio_slot(request: HttpRequest) -> HttpResponse:
    """One photo of a well with its faces; 204 while they or the verdict are still to come."""
    slot = _slot(request.GET)
    photo_id = parse_uuid(request.GET.get("photo", ""))
    photo = get_object_or_404(Asset.objects.for_user(request.user), pk=photo_id)
    if photo.is_waiting:
        return HttpResponse(status=204)
    answer = render(
        request,
        "swaps/_well_item.html",
        {"item": well_photo(slot, photo, StudioState.from_query(request.GET))},
    )
    return trigger_client_event(answer, "faces-found", after="settle")


@login_required
@require_GET
def studio_pick(request: HttpRequest) -> HttpResponse:
    """The person's photos, each a link that puts it into the slot."""
    slot = _slot(request.GET)
    state = StudioState.from_query(request.GET)
    photos = Asset.objects.for_user(request.user).for_page()
    page = Paginator(photos, PICK_PAGE).get_page(request.GET.get("page"))
    taken = asset_in_state(state, slot)
    context = {
        "slot": slot,
        "state": state,
        "page_obj": page,
        "picks": [
            (photo, state.with_photo(slot, photo.pk).url(), photo.pk in taken) for photo in page
        ],
    }
    template = "swaps/_pick.html" if _is_fragment(request) else "swaps/pick.html"
    return render(request, template, context)


@login_required
@require_GET
def studio_check(request: HttpRequest) -> HttpResponse:
    """What would be said if the work were started as the form stands now."""
    state = StudioState.from_query(request.GET)
    context = {
        "verdict": studio_verdict(owner=_user(request), state=state),
        "target": state.target,
        "engine_label": engine_label(),
    }
    return render(request, "swaps/_start.html", context)


@login_required
@require_POST
def swaps(request: HttpRequest) -> HttpResponse:
    """Start a swap, then show its job; a refusal shows the studio again with nothing lost."""
    state = StudioState.from_query(request.POST)
    try:
        job = swap_request(
            owner=_user(request), recipe=state.recipe(), once=request.POST.get("once", "")[:64]
        )
    except Refusal as refusal:
        answer = _render_studio(
            request, state, verdict=StartCheck(refusal=refusal), status=status_of(refusal.code)
        )
        for name, value in refusal_headers(refusal).items():
            answer.headers[name] = value
        return answer
    answer = redirect(job)
    answer.status_code = 303
    return answer


def _render_studio(
    request: HttpRequest,
    state: StudioState,
    *,
    verdict: StartCheck | None = None,
    status: int = 200,
) -> HttpResponse:
    page = studio_open(owner=_user(request), state=state)
    if page.missing:
        messages.warning(request, "A photo that was here is not there any more.")
    if verdict is None and page.can_plan:
        verdict = studio_verdict(owner=_user(request), state=page.plan)
    context: dict[str, Any] = {
        "studio": page,
        "verdict": verdict,
        "consent_text": CONSENT_TEXT,
        "consent_version": CONSENT_VERSION,
        "engine_label": engine_label(),
        "other_starts": [start for start in kinds.starts() if start.url != reverse("studio")],
    }
    return render(request, "swaps/studio.html", context, status=status)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _is_fragment(request: HttpRequest) -> bool:
    return bool(cast(Any, request).htmx)


def _slot(query: QueryDict) -> Slot:
    slot = query.get("slot")
    if slot not in SLOTS:
        raise Http404
    return slot
