"""The block list by hand: a digest, or a picture whose digest and looks are taken."""

import re
from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from faceweb.core.words import refusal_text
from faceweb.media.errors import IntakeError
from faceweb.media.receiving import upload_received
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import BlockedHash, Decision
from faceweb.moderation.reasons import reasons_for
from faceweb.people.models import User

_HEX = re.compile(r"[0-9a-f]{64}")


class BlockedHashForm(forms.ModelForm[BlockedHash]):
    """One hash, or a picture; why, and a note for colleagues."""

    picture = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text="Only its digest and its looks are kept. Or give a hash below.",
    )
    value = forms.CharField(
        required=False, label="Hash", max_length=64, widget=UnfoldAdminTextInputWidget,
        help_text="64 hex digits.",
    )  # fmt: skip
    kind = forms.ChoiceField(
        choices=BlockedHash.Kind.choices, required=False, widget=UnfoldAdminSelectWidget,
        label="What the hash is of",
    )  # fmt: skip
    reason = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    class Meta:
        model = BlockedHash
        fields = ("picture", "kind", "value", "reason", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reasons = reasons_for(Decision.Action.BLOCK_HASH)
        field = cast(forms.ChoiceField, self.fields["reason"])
        field.choices = [(reason.code, reason.label) for reason in reasons]
        self.hashes: list[tuple[BlockedHash.Kind, str]] = []

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload, value = cleaned.get("picture"), str(cleaned.get("value") or "").strip().lower()
        if bool(upload) == bool(value):
            raise forms.ValidationError("Give either a picture or a hash.", code="one_of_two")
        if upload:
            try:
                self.hashes = picture_hashes(upload)
            except IntakeError as error:
                self.add_error("picture", refusal_text(error))
        elif _HEX.fullmatch(value):
            self.hashes = [(BlockedHash.Kind(cleaned["kind"]), value)]
        else:
            self.add_error("value", "That is not a hash of 64 hex digits.")
        # The row is made from what was found out, one for each kind.
        if self.hashes:
            cleaned["kind"], cleaned["value"] = self.hashes[0]
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # A hash that is known already is switched on again instead of being refused.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return {*excluded, "kind", "value"}


def picture_hashes(upload: UploadedFile) -> list[tuple[BlockedHash.Kind, str]]:
    """Digest and looks of a picture, which is decoded apart like every upload and not kept.

    Raises:
        IntakeError: it is none that this site could ever be sent.
    """

    from faceweb.marks.pdq import pdq_hash
    from models.pixels.stills import still_pixels, still_read

    with upload_received(upload) as received:
        image = still_pixels(still_read(received.decode().read("preview")))
    looks = pdq_hash(image)
    return [
        (BlockedHash.Kind.SHA256, received.sha256),
        (BlockedHash.Kind.PDQ, looks.bits.hex()),
    ]


def hashes_block(
    *, hashes: Iterable[tuple[BlockedHash.Kind, str]], reason: str, note: str, by: User
) -> list[BlockedHash]:
    """Put hashes on the list; what is there already is switched on again."""
    rows = []
    with transaction.atomic():
        for kind, value in hashes:
            row, _made = BlockedHash.objects.update_or_create(
                kind=kind,
                value=value,
                defaults={"reason": reason, "note": note, "is_active": True},
                create_defaults={"reason": reason, "note": note, "added_by": by},
            )
            audit_write(actor=by, action="hash.block", target=row, reason=reason, kind=kind)
            rows.append(row)
    return rows


def hash_switch(*, row: BlockedHash, on: bool, by: User) -> bool:
    """Switch an entry off or on; False where it was so already."""
    if row.is_active == on:
        return False
    with transaction.atomic():
        row.is_active = on
        # Every field: workers learn from the row's own time stamp that the list has changed.
        row.save()
        action = "hash.block" if on else "hash.release"
        audit_write(actor=by, action=action, target=row, reason=row.reason)
    return True
