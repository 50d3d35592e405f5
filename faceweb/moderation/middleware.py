"""What holds for every address of the panel, whoever added it."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from faceweb.people.second_factor import has_second_factor, used_second_factor

# Leaving must always be possible.
_OPEN: Final = frozenset({"logout"})


class PanelMiddleware:
    """Staff come in with a second factor only, and the panel's pages get the panel's own policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if _is_panel(request):
            response._csp_update = settings.PANEL_CSP  # type: ignore[attr-defined]
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Before any view of the panel: the way to the second factor where it is missing."""
        user = request.user
        match = request.resolver_match
        if not settings.STAFF_MFA or not _is_panel(request) or match is None:
            return None
        if not user.is_authenticated or not user.is_staff or match.url_name in _OPEN:
            return None
        if not has_second_factor(user):
            messages.info(request, "Set up a second factor first: the administration asks for it.")
            return redirect("mfa_activate_totp")
        if not used_second_factor(request):
            back = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('mfa_reauthenticate')}?{back}")
        return None


def _is_panel(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and "admin" in match.app_names
