"""System checks: results need a key that signs them, now and next month."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register

from faceweb.marks import keys


@register(Tags.security)
def signing_key_is_valid(**_: Any) -> list[CheckMessage]:
    """marks.E001 to E003 and W001: without a valid key no result is kept."""
    if keys.will_be_made():
        return []
    try:
        identity = keys.identity_load()
    except keys.KeysMissing as error:
        return [
            Error(
                f"Results cannot be signed: {error}.",
                hint="Without it no result is kept. docs/provenance.md says how keys are shared.",
                id="marks.E001",
            )
        ]
    except keys.KeysError as error:
        return [Error(f"Results cannot be signed: {error}.", id="marks.E002")]
    try:
        identity.check_valid()
    except keys.KeysError as error:
        return [
            Error(f"Results cannot be signed: {error}.", hint=_renewal(identity), id="marks.E003")
        ]
    if keys.expires_soon(identity):
        return [
            Warning(
                f"The signing certificate expires on {identity.not_after:%d %B %Y}; after that no "
                "result is kept.",
                hint=_renewal(identity),
                id="marks.W001",
            )
        ]
    return []


def _renewal(identity: keys.Identity) -> str:
    if identity.own:
        return "Run manage.py provenance renew."
    return "Renew what FACEWEB_PROVENANCE_CERT and FACEWEB_PROVENANCE_KEY hold."
