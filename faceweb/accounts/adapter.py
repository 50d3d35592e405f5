"""How allauth is fitted to faceweb."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailConfirmation
from django.conf import settings
from django.http import HttpRequest

from faceweb.core.addresses import with_public_origin


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by the operator's choice, links from the configured address."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGNUP_OPEN

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        host = urlsplit(settings.PUBLIC_BASE_URL).netloc
        site = {"name": "faceweb", "domain": host}
        super().send_mail(template_prefix, email, {**context, "current_site": site})

    def get_reset_password_from_key_url(self, key: str) -> str:
        return with_public_origin(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(
        self, request: HttpRequest, emailconfirmation: EmailConfirmation
    ) -> str:
        return with_public_origin(super().get_email_confirmation_url(request, emailconfirmation))
