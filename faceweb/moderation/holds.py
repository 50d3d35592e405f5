"""Legal hold: a picture that must be kept, though its owner or a decision has removed it."""

from typing import TYPE_CHECKING, Final

from django.db import transaction

from faceweb.media.models import Asset
from faceweb.media.services import assets_delete
from faceweb.moderation.audit import audit_write
from faceweb.moderation.errors import NotPermitted
from faceweb.people.erasure import account_forget

if TYPE_CHECKING:
    from faceweb.people.models import User

HOLD: Final = "moderation.hold_picture"


def hold_set(*, photo: Asset, by: "User", reason: str) -> bool:
    """Keep a picture whatever happens; False where it is on hold already.

    Args:
        photo: the picture.
        by: who takes responsibility.
        reason: why, in a few words for the audit log, such as the number of an order.

    Raises:
        NotPermitted: ``by`` may not.
    """
    _check(by)
    with transaction.atomic():
        if not Asset.objects.filter(pk=photo.pk, legal_hold=False).update(legal_hold=True):
            return False
        audit_write(actor=by, action="hold.set", target=photo, note=reason)
    return True


def hold_release(*, photo: Asset, by: "User", reason: str) -> bool:
    """Let go of a picture; one that was removed while it was on hold is deleted now.

    Returns whether it was on hold.

    Raises:
        NotPermitted: ``by`` may not.
    """
    _check(by)
    with transaction.atomic():
        held = Asset.objects.select_for_update().filter(pk=photo.pk, legal_hold=True).first()
        if held is None:
            return False
        Asset.objects.filter(pk=photo.pk).update(legal_hold=False)
        audit_write(actor=by, action="hold.release", target=photo, note=reason)
        if held.erased_at is not None:
            assets_delete(owner=held.owner_id, ids=[photo.pk])
            account_forget(user_id=held.owner_id)
    return True


def _check(by: "User") -> None:
    if not by.has_perm(HOLD):
        raise NotPermitted("not_permitted")
