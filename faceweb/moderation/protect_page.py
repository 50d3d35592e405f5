"""The public form by which a person asks that their face not be used here."""

from typing import Any

from allauth.core import ratelimit
from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from faceweb.core.words import refusal_text, status_of
from faceweb.media.errors import IntakeError
from faceweb.media.media_types import ACCEPTED
from faceweb.moderation.models import ProtectedFace
from faceweb.moderation.protected import protected_face_request

_TOO_OFTEN = "Several requests have come from your address. Wait an hour, then send this one again."


def _picture(label: str, help_text: str, required: str) -> forms.FileField:
    return forms.FileField(
        label=label,
        help_text=help_text,
        widget=forms.FileInput(attrs={"accept": ACCEPTED, "class": "file-input"}),
        error_messages={"required": required},
    )


class ProtectFaceForm(forms.Form):
    """Two pictures, and perhaps where to send the answer."""

    selfie = _picture(
        "A picture of your face",
        "You alone, looking at the camera, well lit and without sunglasses.",
        "Choose a picture of your face.",
    )
    proof = _picture(
        "Proof that it is you",
        "You, holding a sheet with today's date and the name of this site. Or an identity "
        "document with a photo; cover its numbers.",
        "Choose a picture that proves it.",
    )
    email = forms.EmailField(
        label="Your e-mail address (optional)",
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="Only to tell you what was decided; it is erased with that.",
    )
    consent = forms.BooleanField(
        label="This is my own face. I agree that numbers describing it are kept, encrypted, to "
        "recognise it in other people's uploads, until I ask that they be erased.",
        error_messages={"required": "Without that your face cannot be recognised."},
    )


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def protect_face(request: HttpRequest) -> HttpResponse:
    """Ask for protection, without an account; ``?ticket=`` says where a request stands."""
    if ticket := request.GET.get("ticket"):
        return _standing(request, ticket)
    form = ProtectFaceForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 400
        if not ratelimit.consume(request, action="protect_face"):
            form.add_error(None, _TOO_OFTEN)
            status = 429
        elif form.is_valid():
            try:
                ticket = _ask(form.cleaned_data)
            except IntakeError as error:
                form.add_error(None, refusal_text(error))
                status = status_of(error.code)
            else:
                return redirect(f"{reverse('protect_face')}?ticket={ticket}")
    return render(request, "moderation/protect_face.html", {"form": form}, status=status)


def _ask(fields: dict[str, Any]) -> str:
    face = protected_face_request(
        selfie=fields["selfie"], proof=fields["proof"], email=fields["email"]
    )
    return face.case.ticket if face.case is not None else ""


def _standing(request: HttpRequest, ticket: str) -> HttpResponse:
    face = ProtectedFace.objects.filter(case__ticket=ticket).only("state").first()
    if face is None:
        raise Http404
    context = {"ticket": ticket, "face": face}
    return render(request, "moderation/protect_face_sent.html", context)


urlpatterns = [path("protect/", protect_face, name="protect_face")]
