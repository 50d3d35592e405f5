"""The end of an account's row."""

from uuid import UUID

from allauth.account.models import EmailAddress
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.people.models import User


def account_erase(*, user: User) -> None:
    """Remove the row of somebody whose data is gone.

    While a picture of theirs is on legal hold it needs an owner: the row stays without anything
    that says who it was, and goes with the last such picture.
    """
    if not Asset.objects.filter(owner=user).exists():
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
    """Remove the row of somebody who left, once no picture needs it; whether it went."""
    if Asset.objects.filter(owner_id=user_id).exists():
        return False
    return bool(User.objects.filter(pk=user_id, erased_at__isnull=False).delete()[0])
