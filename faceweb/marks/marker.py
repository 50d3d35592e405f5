"""Who puts the marks on results: an id in pixels, credentials in files, rows in the registry.

Whatever goes wrong on the way is a `MarkingError`, and then there is no result.
"""

import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceweb.marks.badge import badge_draw
from faceweb.marks.containers import source_type_write
from faceweb.marks.copying import failing_closed, file_stored
from faceweb.marks.credentials import Claim, credentials_sign, result_claim, step_public
from faceweb.marks.inspection import reduced_for_hash
from faceweb.marks.keys import identity_load
from faceweb.marks.models import MarkedResult
from faceweb.marks.pdq import PdqHash, pdq_hash
from faceweb.marks.watermark import watermark_embed
from faceweb.media.marking import Making
from faceweb.media.models import Asset


@dataclass(frozen=True)
class ResultMark:
    """The marks of one result; see `faceweb.media.marking.Mark`."""

    image: NDArray[np.uint8]
    mark_id: int
    claim: Claim
    plain: PdqHash
    badged: PdqHash

    def sign(self, content: bytes, media_type: str, *, chain: bool) -> bytes:
        """The file with its source type and its credentials."""
        with failing_closed():
            stated = source_type_write(content, media_type)
            return credentials_sign(stated, media_type, self.claim, chain=chain)

    def record(self, photo: Asset) -> None:
        """Write the result into the registry."""
        last = self.claim.steps[-1]
        MarkedResult.objects.create(
            mark_id=f"{self.mark_id:016x}",
            pdq=self.plain.bits.hex(),
            pdq_badged=self.badged.bits.hex(),
            pdq_quality=self.plain.quality,
            kind=last.kind,
            engine=last.engine,
            steps=[step_public(step) for step in self.claim.steps],
            photo=photo,
        )


class ResultMarker:
    """Marks results; see `faceweb.media.marking.Marker`. Keeps no state."""

    def mark(self, image: NDArray[np.uint8], making: Making) -> ResultMark:
        """Mark a result, uint8 (H, W, 3) BGR.

        Raises:
            MarkingError: it cannot be marked.
        """
        with failing_closed():
            # Found out before the work, not after it.
            identity_load().check_valid()
            mark_id = secrets.randbelow(2**64 - 1) + 1
            marked = watermark_embed(image, mark_id)
            seen = reduced_for_hash(marked)
            return ResultMark(
                image=marked,
                mark_id=mark_id,
                claim=result_claim(file_stored(making.target), making.steps),
                plain=pdq_hash(seen),
                # The badge grows with the picture, so on the small one it is as large.
                badged=pdq_hash(badge_draw(seen)),
            )
