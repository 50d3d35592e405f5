"""The end of an account's row."""

from collections.abc import Callable
from uuid import UUID

from allauth.account.models import EmailAddress
from django.utils import timezone

from faceweb.people.models import User

_needs: list[Callable[[UUID], bool]] = []


def register(is_needed: Callable[[UUID], bool]) -> None:
    """Make known, usually from ``AppConfig.ready``, what may still need the row of who has left."""
    if is_needed not in _needs:
        _needs.append(is_needed)


def account_erase(*, user: User) -> None:
    """Remove the row of somebody whose data is gone.

    While something of theirs must be kept, such as a picture on legal hold, it needs an owner: the
    row stays without anything that says who it was, and is removed with the last such thing.
    """
    if not _is_needed(user.pk):
        user.delete()
        return
    EmailAddress.objects.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()
    user.email = f"{user.pk}@erased.invalid"
    user.name = ""
    user.last_login = None
    user.is_active = user.is_staff = user.is_superuser = False
    user.erased_at = timezone.now()
    user.set_unusable_password()
    user.save()


def account_forget(*, user_id: UUID) -> bool:
    """Remove the row of somebody who left, once nothing needs it; whether it was removed."""
    if _is_needed(user_id):
        return False
    return bool(User.objects.filter(pk=user_id, erased_at__isnull=False).delete()[0])


def _is_needed(user_id: UUID) -> bool:
    return any(is_needed(user_id) for is_needed in _needs)
