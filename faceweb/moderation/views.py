"""Pages of people and strangers: reporting, asking for removal, one's standing, appeals."""

from typing import cast
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from faceweb.media.models import Asset
from faceweb.moderation.appeals import appeal_check, appeal_create
from faceweb.moderation.errors import AppealRefused
from faceweb.moderation.forms import AppealForm, ReportForm, TakedownForm
from faceweb.moderation.models import Appeal, Strike
from faceweb.moderation.presentation import own_appeals, own_reports, own_strikes
from faceweb.moderation.reasons import reason_of
from faceweb.moderation.reports import (
    report_create,
    report_state,
    reportable_link,
    takedown_create,
)
from faceweb.moderation.tokens import appeal_token_read
from faceweb.people.models import User

_TOO_OFTEN = "You have sent many reports in a short time. Wait an hour, then send this one again."


@require_http_methods(["GET", "POST"])
def report(request: HttpRequest, token: str) -> HttpResponse:
    """Report a shared picture; shows nothing of it, whatever state it is in."""
    link = reportable_link(token)
    if link is None:
        raise Http404
    reporter = _person(request)
    form = ReportForm(request.POST or None, signed_in=reporter is not None)
    if form.is_valid() and _not_too_often(request, form):
        made = report_create(link=link, reporter=reporter, **form.cleaned_data)
        if made is None:
            raise Http404
        return _received(made.ticket)
    context = {"form": form, "token": token}
    return render(request, "moderation/report.html", context, status=_status(form))


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def takedown(request: HttpRequest) -> HttpResponse:
    """Ask that pictures be removed, without an account."""
    form = TakedownForm(request.POST or None)
    if form.is_valid() and _not_too_often(request, form):
        reports = takedown_create(claim=form.claim(), reporter=_person(request))
        return _received(reports[0].ticket)
    return render(request, "moderation/takedown.html", {"form": form}, status=_status(form))


@require_GET
def takedown_status(request: HttpRequest, ticket: str) -> HttpResponse:
    """Where a report stands: open or decided, and nothing more."""
    ticket = ticket.upper()
    state = report_state(ticket)
    if not state:
        raise Http404
    context = {"ticket": ticket, "state": state, "is_new": "new" in request.GET}
    return render(request, "moderation/takedown_status.html", context)


@login_required
@require_GET
def standing(request: HttpRequest) -> HttpResponse:
    """One's strikes, reports and appeals."""
    person = cast(User, request.user)
    context = {
        "strikes": own_strikes(person),
        "reports": own_reports(person),
        "appeals": own_appeals(person),
    }
    return render(request, "moderation/standing.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def appeal_strike(request: HttpRequest, strike_id: UUID) -> HttpResponse:
    """Appeal against one of one's strikes."""
    strike = get_object_or_404(Strike, pk=strike_id, person=cast(User, request.user))
    return _appeal(request, cast(User, request.user), strike=strike)


@login_required
@require_http_methods(["GET", "POST"])
def appeal_photo(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """Appeal against the refusal of one of one's pictures."""
    photo = get_object_or_404(Asset.objects.for_user(request.user), pk=photo_id)
    return _appeal(request, cast(User, request.user), photo=photo)


@require_http_methods(["GET", "POST"])
def appeal_signed(request: HttpRequest, token: str) -> HttpResponse:
    """Appeal by the link in a notice, for whoever cannot sign in any more."""
    strike_id = appeal_token_read(token)
    if strike_id is None:
        raise Http404
    strike = get_object_or_404(Strike.objects.select_related("person"), pk=strike_id)
    return _appeal(request, strike.person, strike=strike)


def _appeal(
    request: HttpRequest,
    person: User,
    *,
    strike: Strike | None = None,
    photo: Asset | None = None,
) -> HttpResponse:
    form = AppealForm(request.POST or None)
    appeal: Appeal | None = None
    try:
        appeal_check(person=person, strike=strike, photo=photo)
        if request.method == "POST" and form.is_valid():
            text = form.cleaned_data["text"]
            appeal = appeal_create(person=person, text=text, strike=strike, photo=photo)
    except AppealRefused as refusal:
        refused = {"refusal": refusal}
        return render(request, "moderation/appeal_refused.html", refused, status=409)
    if appeal is not None:
        if request.user.is_authenticated:
            messages.success(request, f"Your appeal {appeal.case.ticket} is on its way.")
            return redirect("standing")
        return render(request, "moderation/appeal_sent.html", {"ticket": appeal.case.ticket})
    context = {
        "form": form,
        "strike": strike,
        "photo": photo,
        "reason": reason_of(strike.reason) if strike is not None else None,
    }
    return render(request, "moderation/appeal.html", context, status=_status(form))


def _not_too_often(request: HttpRequest, form: Form) -> bool:
    """Count one report that is about to be made; False, and said in the form, if it is too many."""
    if ratelimit.consume(request, action="report"):
        return True
    form.add_error(None, ValidationError(_TOO_OFTEN, code="too_often"))
    return False


def _status(form: Form) -> int:
    if not form.errors:
        return 200
    return 429 if form.has_error(NON_FIELD_ERRORS, "too_often") else 400


def _received(ticket: str) -> HttpResponse:
    response = redirect("takedown_status", ticket)
    response["Location"] += "?new"
    response.status_code = 303
    return response


def _person(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None
