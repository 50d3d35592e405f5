"""The three roles of the moderators' panel, as Django groups.

Each deployment makes sure that a group has at least what is listed here and takes nothing away
from it. Whoever wants another cut makes groups of their own.
"""

from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

MODERATORS: Final = "Moderators"
LEADS: Final = "Leads"
ADMINS: Final = "Admins"

_MODERATORS: Final = (
    "moderation.decide_case",
    "moderation.reveal_picture",
    "moderation.view_dashboard",
    "moderation.view_case",
    "moderation.view_report",
    "moderation.view_decision",
    "moderation.view_strike",
    "moderation.view_appeal",
    "moderation.view_screening",
    "moderation.view_protectedface",
    "moderation.view_blockedhash",
    "moderation.add_blockedhash",
    "moderation.change_blockedhash",
)
_LEADS: Final = (
    *_MODERATORS,
    "moderation.suspend_person",
    "moderation.undo_decision",
    "moderation.hold_picture",
    "moderation.view_auditentry",
    "moderation.change_protectedface",
    "sharing.view_sharelink",
    "sharing.change_sharelink",
    "marks.view_markedresult",
    "media.view_asset",
    "people.view_user",
    "work.view_job",
)
_ADMINS: Final = (
    *_LEADS,
    "people.add_user",
    "people.change_user",
    "people.delete_user",
    "media.delete_asset",
    "work.change_job",
    "auth.view_group",
)
PERMISSIONS: Final = {MODERATORS: _MODERATORS, LEADS: _LEADS, ADMINS: _ADMINS}


def roles_make(**_: Any) -> None:
    """Make the groups; called after every migration, when all permissions exist."""
    for name, wanted in PERMISSIONS.items():
        match = Q()
        for permission in wanted:
            app, _dot, codename = permission.partition(".")
            match |= Q(content_type__app_label=app, codename=codename)
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.add(*Permission.objects.filter(match))
