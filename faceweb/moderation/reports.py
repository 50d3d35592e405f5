"""Reports and takedown requests: what anybody may say about a picture, and what follows at once.

The picture is withheld until a person has decided. Reports about the same picture share one case.
So that the form cannot be used to hide everything, a picture that a person has cleared is not
withheld again, unless the report is about something grave; and each address may send only so many.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from faceweb.media.models import Asset
from faceweb.moderation import notices
from faceweb.moderation.audit import audit_write
from faceweb.moderation.cases import GRAVE_REASONS, case_open
from faceweb.moderation.models import CLOCK, Case, Decision, Report, new_ticket
from faceweb.people.models import User
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import link_of_token

# Who saw a picture may report it though its link has ended meanwhile.
REPORTABLE: Final = timedelta(days=30)
MAX_ADDRESSES: Final = 20
_TOKEN: Final = re.compile(r"/s/([A-Za-z0-9_-]{20,128})")
_CLEARING: Final = (Decision.Action.DISMISS, Decision.Action.LABEL, Decision.Action.GRANT)


@dataclass(frozen=True)
class Claim:
    """What a takedown request says, in the words that the law asks for.

    ``addresses`` are as they were pasted; every other field is one of `Report`.
    """

    category: str
    addresses: Sequence[str]
    text: str = ""
    relation: str = ""
    name: str = ""
    email: str = ""
    signature: str = ""
    good_faith: bool = False


def reportable_link(token: str) -> ShareLink | None:
    """The link that ``token`` opens or opened lately; None where there is nothing to report.

    Whoever holds a token may report what is behind it, in whatever state it is, so that the form
    says nothing about that state.
    """
    link = link_of_token(token)
    if link is None or link.photo.erased_at is not None:
        return None
    ends = [moment for moment in (link.revoked_at, link.expires_at) if moment is not None]
    if ends and min(ends) < timezone.now() - REPORTABLE:
        return None
    return link


def report_create(
    *,
    link: ShareLink,
    category: str,
    text: str = "",
    email: str = "",
    reporter: User | None = None,
) -> Report | None:
    """A report about a shared picture, which is withheld at once; None if it has just gone.

    Args:
        link: what the person opened.
        category: a value of `Report.Category`.
        text: in their words.
        email: where they want to be told what was decided; may be empty.
        reporter: who it was, if they are signed in.
    """
    with transaction.atomic():
        if not _lock_present([link]):
            return None
        # What may be intimate is answered within the clock of a takedown request.
        due_at = timezone.now() + CLOCK if category in GRAVE_REASONS else None
        case = case_open(kind=Case.Kind.REPORT, reason=category, photo=link.photo, due_at=due_at)
        report = Report.objects.create(
            case=case,
            category=category,
            text=without_tokens(text),
            email=email,
            reporter=reporter,
            location=_named(link),
        )
        _withhold(link.photo, category, case)
        notices.report_send(report.ticket)
    return report


def takedown_create(*, claim: Claim, reporter: User | None = None) -> list[Report]:
    """A takedown request: one report for each picture, all under one ticket, and the clock starts.

    Addresses that lead to no picture here stand together in a case of their own, for a person to
    find out what they mean.
    """
    ticket = new_ticket()
    found, unknown = addresses_resolve(claim.addresses)
    due_at = timezone.now() + CLOCK
    reports: list[Report] = []
    with transaction.atomic():
        links = _lock_present(found)
        unknown += [_named(link) for link in found if link not in links]
        for link in links:
            case = case_open(
                kind=Case.Kind.TAKEDOWN, reason=claim.category, photo=link.photo, due_at=due_at
            )
            reports.append(_takedown_report(ticket, case, claim, _named(link), reporter))
            _withhold(link.photo, claim.category, case)
        if unknown or not links:
            case = case_open(kind=Case.Kind.TAKEDOWN, reason=claim.category, due_at=due_at)
            location = without_tokens("\n".join(unknown))
            reports.append(_takedown_report(ticket, case, claim, location, reporter))
        notices.report_send(ticket)
    return reports


def addresses_resolve(addresses: Iterable[str]) -> tuple[list[ShareLink], list[str]]:
    """The links behind pasted addresses, one for each picture, and the addresses without one."""
    links: dict[object, ShareLink] = {}
    unknown: list[str] = []
    for address in addresses:
        found = _TOKEN.search(address)
        link = link_of_token(found[1]) if found else None
        if link is None:
            unknown.append(address)
        else:
            links.setdefault(link.photo_id, link)
    return list(links.values()), unknown


def without_tokens(text: str) -> str:
    """The same text with the secret part of share addresses left out: tokens are never kept."""
    return _TOKEN.sub("/s/…", text)


def report_state(ticket: str) -> str:
    """``open`` or ``decided`` for a ticket somebody was given; empty where there is none."""
    states = set(Report.objects.filter(ticket=ticket).values_list("case__state", flat=True))
    if not states:
        return ""
    return "open" if Case.State.OPEN in states else "decided"


def is_cleared(photo: Asset) -> bool:
    """Whether the last person who judged this picture let it stay."""
    last = Decision.objects.filter(case__photo=photo, undone_at=None).first()
    return last is not None and last.action in _CLEARING


def _lock_present(links: Sequence[ShareLink]) -> list[ShareLink]:
    """Those whose picture is still there, and stays until the transaction ends.

    The rows are locked in one order for everybody, so that no two wait for each other.
    """
    photos = Asset.objects.select_for_update(no_key=True).order_by("pk")
    wanted = photos.filter(pk__in=[link.photo_id for link in links])
    present = set(wanted.values_list("pk", flat=True))
    return [link for link in links if link.photo_id in present]


def _withhold(photo: Asset, category: str, case: Case) -> None:
    if category not in GRAVE_REASONS and is_cleared(photo):
        return
    if Asset.objects.filter(pk=photo.pk, withheld=False).update(withheld=True):
        audit_write(actor=None, action="photo.withhold", target=photo, case=case, reason=category)


def _takedown_report(
    ticket: str, case: Case, claim: Claim, location: str, reporter: User | None
) -> Report:
    return Report.objects.create(
        ticket=ticket,
        case=case,
        category=claim.category,
        relation=claim.relation,
        text=without_tokens(claim.text),
        reporter=reporter,
        is_takedown=True,
        name=claim.name,
        email=claim.email,
        location=location,
        good_faith=claim.good_faith,
        signature=claim.signature,
    )


def _named(link: ShareLink) -> str:
    return f"share link {link.pk}"
