"""How log lines are written: without the secrets that addresses hold."""

import logging
import re
from typing import Final

# Where an address of this site says something that lets whoever reads it in: a shared link's
# token, the key of a password reset, the key that confirms an e-mail address, a suspended person's
# way to their appeal, a takedown request's ticket.
_SECRETS: Final = re.compile(
    r"(/s/|/appeal/|/takedown/|/accounts/password/reset/key/|/accounts/confirm-email/)[^/\s\"'<>?#]+"
)


def without_secrets(text: str) -> str:
    """``text`` with the secret part of every address in it left out."""
    return _SECRETS.sub(r"\1[secret]", text)


class DiscreetFormatter(logging.Formatter):
    """Formats a record, its traceback included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))
