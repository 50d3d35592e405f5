"""The one way a picture that was made here gets kept: looked at, marked, encoded, signed, stored.

`result_prepare` does what takes time, outside any transaction; `result_store` writes the rows and
files. Nothing else makes an asset whose origin says that it is a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.db import transaction

from faceweb.media.details import Details
from faceweb.media.files import Picture, files_roll_back
from faceweb.media.makers import Step, asset_steps
from faceweb.media.marking import Making, Mark, get_marker
from faceweb.media.models import Asset, Lineage, Rendition
from faceweb.media.retention import ancestors_keep, expiry_of_new
from faceweb.media.screening import Finding, get_screener
from faceweb.media.services import asset_insert

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceweb.people.models import User

# A thumbnail is smaller than what its credentials would add to it.
_SIGNED = (Rendition.Role.ORIGINAL, Rendition.Role.PREVIEW)


@dataclass(frozen=True)
class PreparedResult:
    """A result that passed, with its marks, ready to be stored by `result_store`."""

    owner: User
    making: Making
    picture: Picture
    mark: Mark
    finding: Finding

    def pixels(self) -> NDArray[np.uint8]:
        """The picture as it is given out, marked and encoded, uint8 (H, W, 3) BGR."""

        from models.pixels.imaging import decode_image

        content = self.picture.files[Rendition.Role.ORIGINAL].file
        content.seek(0)
        data = content.read()
        content.seek(0)
        return decode_image(data)

    def described(self, what: Mapping[str, Any], making: Details) -> PreparedResult:
        """The same with all that pages show of it, where that was not known before."""
        *earlier, last = self.making.steps
        steps = (*earlier, replace(last, what=what))
        return replace(self, making=replace(self.making, steps=steps, details=making))


def result_prepare(
    *,
    owner: User,
    image: NDArray[np.uint8],
    kind: str,
    engine: str,
    what: Mapping[str, Any],
    target: Asset,
    sources: Iterable[Asset],
    making: Details,
) -> PreparedResult:
    """Look at a result and mark it; nothing is stored yet.

    Args:
        owner: whose picture it is.
        image: uint8 (H, W, 3) BGR.
        kind: the name of the kind of work that made it.
        engine: the name of the engine that did.
        what: what the kind needs to describe this step, as `faceweb.media.makers.Step` has it.
        target: the photo it was made on.
        sources: the photos a face was taken from.
        making: figures and timings, for the part of its page that the kind fills.

    Raises:
        ResultBlocked: it must not be kept.
        MarkingError: it cannot be marked.
    """

    from faceweb.media.pictures import asset_alpha, picture_encode

    steps = (*asset_steps(target), Step.now(kind, engine, what))
    made = Making(steps, target, tuple(sources), making)
    finding = get_screener().result_screen(owner, image, (target, *made.sources))
    mark = get_marker().mark(image, made)
    # What shone through in what it was made on still does.
    alpha = asset_alpha(target)
    fits = alpha is not None and alpha.shape == mark.image.shape[:2]
    picture = picture_encode(mark.image, alpha if fits else None)
    for role in _SIGNED:
        plain = picture.files[role]
        signed = mark.sign(
            plain.file.read(), plain.media_type, chain=role == Rendition.Role.ORIGINAL
        )
        picture.files[role] = replace(plain, file=ContentFile(signed, role))
    return PreparedResult(owner, made, picture, mark, finding)


def result_store(prepared: PreparedResult) -> Asset:
    """Keep a prepared result; may be called inside the caller's transaction.

    A caller with a transaction of its own puts `files_roll_back` round it.
    """
    making = prepared.making
    photo = Asset(
        owner=prepared.owner,
        origin=Asset.Origin.RESULT,
        made_by=making.steps[-1].kind,
        steps=[step.to_dict() for step in making.steps],
        making=making.details.to_dict(),
        screening=prepared.finding.state,
        expires_at=expiry_of_new(Asset.Origin.RESULT),
    )
    lines = {(making.target.pk, Lineage.Role.TARGET)} | {
        (source.pk, Lineage.Role.SOURCE) for source in making.sources
    }
    with files_roll_back(), transaction.atomic():
        asset_insert(photo, prepared.picture)
        Lineage.objects.bulk_create(
            Lineage(child=photo, parent_id=parent, role=role) for parent, role in lines
        )
        ancestors_keep(photo)
        prepared.mark.record(photo)
        prepared.finding.record(photo)
    return photo
