"""Pages of people and strangers: reporting, asking for removal, one's standing, appeals."""

from typing import cast
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from faceweb.accounts.models import User
from faceweb.gallery.models import Photo
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

_TOO_OFTEN = "You have sent many reports in a short time. Wait an hour, then send this one again."


@require_http_methods(["GET", "POST"])
def report(request: HttpRequest, token: str) -> HttpResponse:
    """Report a shared picture; shows nothing of it, whatever state it is in."""
    link = reportable_link(token)
    if link is None:
        raise Http404
    reporter = _person(request)
    form = ReportForm(request.POST or None, signed_in=reporter is not None)
    status = 200
    if request.method == "POST":
        status = 400
        if not ratelimit.consume(request, action="report"):
            form.add_error(None, _TOO_OFTEN)
            status = 429
        elif form.is_valid():
            made = report_create(link=link, reporter=reporter, **form.cleaned_data)
            return _received(made.ticket)
    context = {"form": form, "token": token}
    return render(request, "moderation/report.html", context, status=status)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def takedown(request: HttpRequest) -> HttpResponse:
    """Ask that pictures be removed, without an account."""
    form = TakedownForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if not ratelimit.consume(request, action="report"):
            form.add_error(None, _TOO_OFTEN)
            status = 429
        elif form.is_valid():
            reports = takedown_create(claim=form.claim(), reporter=_person(request))
            return _received(reports[0].ticket)
    return render(request, "moderation/takedown.html", {"form": form}, status=status)


@require_GET
def takedown_status(request: HttpRequest, ticket: str) -> HttpResponse:
    """Where a report stands: open or decided, and nothing more."""
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
    photo = get_object_or_404(Photo.objects.for_user(request.user), pk=photo_id)
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
    photo: Photo | None = None,
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
    return render(request, "moderation/appeal.html", context, status=400 if form.errors else 200)


def _received(ticket: str) -> HttpResponse:
    response = redirect("takedown_status", ticket)
    response["Location"] += "?new"
    response.status_code = 303
    return response


def _person(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None
