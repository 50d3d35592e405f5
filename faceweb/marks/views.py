"""The page that tells what a picture says of itself, and the certificates to check it with."""

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from faceweb.core.words import status_of
from faceweb.marks.forms import VerifyForm
from faceweb.marks.keys import root_fingerprint, roots_load
from faceweb.marks.verification import picture_verify
from faceweb.media.errors import IntakeError


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for a picture; tell whether it was made here. No account, nothing kept."""
    form = VerifyForm(request.POST or None, request.FILES or None)
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        error = IntakeError("file_missing")
        return _page(request, form, error=error)
    if not ratelimit.consume(request, action="verify"):
        error = IntakeError("too_often")
        return _page(request, form, error=error)
    try:
        report = picture_verify(form.cleaned_data["file"])
    except IntakeError as refused:
        return _page(request, form, error=refused)
    return _page(request, form, report=report)


def _page(request: HttpRequest, form: VerifyForm, **context: object) -> HttpResponse:
    error = context.get("error")
    response = render(
        request,
        "marks/verify.html",
        {**context, "form": form, "roots": [root_fingerprint(root) for root in roots_load()]},
        status=status_of(error.code) if isinstance(error, IntakeError) else 200,
    )
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
def root_certificates(request: HttpRequest) -> HttpResponse:
    """The root certificates that pictures of this site are trusted by, the current one first."""
    response = HttpResponse("".join(roots_load()), content_type="application/x-pem-file")
    response["Access-Control-Allow-Origin"] = "*"
    return response
