"""Appeals: everybody may ask once, about each strike and each refused picture, for another look."""

from django.db import transaction
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation.audit import audit_write
from faceweb.moderation.cases import case_open
from faceweb.moderation.errors import AppealRefused
from faceweb.moderation.models import Appeal, Case, Strike
from faceweb.people.models import User


def appeal_create(
    *, person: User, text: str, strike: Strike | None = None, photo: Asset | None = None
) -> Appeal:
    """Ask that one strike, or the refusal of one picture, be looked at again by somebody else.

    Args:
        person: whose strike or picture it is.
        text: in their words.
        strike: what it is about, or ``photo``: exactly one of them.

    Raises:
        AppealRefused: ``appealed_before``, ``lifted``, ``not_refused`` or ``nothing_to_appeal``.
    """
    if (strike is None) == (photo is None):
        raise ValueError("an appeal is about a strike or about a photo")
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).filter(pk=person.pk).values("pk").first()
        if strike is not None:
            reason, about = strike.reason, _picture_of(strike)
            appeal_check(person=person, strike=strike)
        elif photo is not None:
            photo.refresh_from_db()
            reason, about = "appeal", photo
            appeal_check(person=person, photo=photo)
        case = case_open(kind=Case.Kind.APPEAL, reason=reason, photo=about, person=person)
        appeal = Appeal.objects.create(
            case=case, person=person, strike=strike, photo=photo, text=text
        )
        audit_write(actor=person, action="appeal.make", target=appeal, case=case, reason=reason)
    return appeal


def appeal_check(*, person: User, strike: Strike | None = None, photo: Asset | None = None) -> None:
    """Whether `appeal_create` would take an appeal now.

    Raises:
        AppealRefused: as `appeal_create`.
    """
    owner_id = strike.person_id if strike is not None else photo.owner_id if photo else None
    if owner_id != person.pk:
        raise AppealRefused("nothing_to_appeal")
    appeals = Appeal.objects.filter(strike=strike) if strike else Appeal.objects.filter(photo=photo)
    if appeals.exists():
        raise AppealRefused("appealed_before")
    if strike is not None and strike.lifted_at is not None:
        raise AppealRefused("lifted")
    if photo is not None and not asset_is_refused(photo):
        raise AppealRefused("not_refused")


def asset_is_refused(photo: Asset) -> bool:
    """Whether machines or a person have decided against this picture, and nobody is at it now."""
    if photo.screening == Asset.Screening.BLOCKED:
        return True
    return photo.withheld and not photo.cases.open().exists()


def appeals_close(person: User) -> None:
    """Close the appeals of somebody who leaves: there is nobody to answer any more."""
    open_cases = Case.objects.open().filter(kind=Case.Kind.APPEAL, person=person)
    for case in open_cases:
        audit_write(actor=None, action="case.withdraw", target=case, case=case)
    open_cases.update(state=Case.State.CLOSED, closed_at=timezone.now())


def _picture_of(strike: Strike) -> Asset | None:
    return strike.decision.case.photo if strike.decision is not None else None
