"""What a person may do with all of their data at once."""

import json
import logging
import tempfile
import zipfile
from typing import IO

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from faceweb.people.erasure import account_forget
from faceweb.people.models import User
from faceweb.people.personal_data import sections

logger = logging.getLogger(__name__)

READ_SIZE = 1024 * 1024


def account_export(*, user: User) -> IO[bytes]:
    """Everything kept about ``user`` as a zip: one JSON file a section, and every photo.

    The archive is built in an unnamed temporary file, positioned at its start; closing it removes
    it. Photos are stored, not deflated: they are compressed already.
    """
    archive = tempfile.TemporaryFile(prefix="faceweb-export-")  # noqa: SIM115
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for section in sections():
            text = json.dumps(list(section.rows(user)), cls=DjangoJSONEncoder, indent=2)
            bundle.writestr(f"{section.name}.json", text, zipfile.ZIP_DEFLATED)
            for name, file in section.files(user):
                try:
                    stored = file.storage.open(file.name or "")
                except FileNotFoundError:
                    logger.warning("export: a stored file is missing")
                    continue
                with stored, bundle.open(name, "w") as member:
                    while chunk := stored.read(READ_SIZE):
                        member.write(chunk)
    archive.seek(0)
    return archive


def account_delete(*, user: User) -> None:
    """Remove the person and everything of theirs; files go when the transaction commits.

    Where a photo is on legal hold, the account stays as a row without name, address, password or
    sign-in until the hold ends.
    """
    user_id = user.pk
    with transaction.atomic():
        for section in sections():
            section.erase(user)
    logger.info("account %s erased", user_id)


def accounts_forget() -> int:
    """Remove the rows of people who left, once nothing of theirs is on hold; returns how many."""
    gone = User.objects.exclude(erased_at=None).values_list("pk", flat=True)
    return sum(account_forget(user_id=pk) for pk in list(gone))
