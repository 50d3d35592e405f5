"""The second factor: how its secrets are kept, and whether this visit was signed in with one."""

import base64
import hashlib
import logging
from typing import Any

from allauth.account.internal.flows.login import (
    get_authentication_records,
    record_authentication,
)
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.utils import is_mfa_enabled
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.http import HttpRequest
from django.utils.encoding import force_bytes

from faceweb.people.models import User

logger = logging.getLogger(__name__)


def _cipher() -> MultiFernet:
    """Keyed by the site's secret; earlier secrets still open what they closed."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(b"second factor:" + force_bytes(each)).digest() for each in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets are encrypted in the database: a stolen copy of it makes no codes."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was encrypted; where the site's secret has changed, one that nobody knows.

        Then no code fits any more, and an administrator has to let the person start anew.
        """
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.warning("a second factor was kept under another FACEWEB_SECRET_KEY")
            return str(generate_totp_secret())


def has_second_factor(user: User) -> bool:
    """Whether this person has set one up; recovery codes alone are none."""
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


def used_second_factor(request: HttpRequest) -> bool:
    """Whether the person was asked for it since this session began."""
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def _remember(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    # Whoever has just set it up has typed a code; asking for the same one again would be refused.
    kind = kwargs["authenticator"].type
    if kind != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, method="mfa", type=kind)


def register() -> None:
    """Called once, when the app is ready."""
    authenticator_added.connect(_remember, dispatch_uid="second_factor_remember")
