"""The registry of who looks at pictures before anybody may use or share them.

The moderation floor above registers itself here. Where nobody has, nothing is cleared: uploads
wait and results are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceweb.media.models import Asset
    from faceweb.people.models import User
    from models.faces.face import Face
    from models.refusals import Refusal


@dataclass(frozen=True)
class Finding:
    """What a look at one picture found.

    Attributes:
        state: a value of `Asset.Screening`, never ``pending``.
        record: keeps scores and opens a case where people have to look; called with the photo's
            row inside the transaction that writes ``state`` to it.
    """

    state: str
    record: Callable[[Asset], None]


class Screener(Protocol):
    """Looks at pictures, in a worker; a page asks for `upload_check` and `asset_explain` alone."""

    def upload_check(self, owner: User, sha256: str) -> None:
        """Refuse a file that is known to be bad by its digest in hex.

        Raises:
            IntakeError: ``known_bad``.
        """
        ...

    def asset_screen(
        self, photo: Asset, image: NDArray[np.uint8], faces: Sequence[Face]
    ) -> Finding:
        """Judge an uploaded photo, uint8 (H, W, 3) BGR, and the faces found in it.

        Whatever it raises counts as a failure of the screening: the photo waits and is looked at
        again, and goes to people after the last attempt. It never passes.
        """
        ...

    def asset_give_up(self, photo: Asset) -> None:
        """Open a case for a photo that could not be screened; in the transaction that says so."""
        ...

    def result_screen(
        self, owner: User, image: NDArray[np.uint8], parents: Sequence[Asset]
    ) -> Finding:
        """Judge a result, uint8 (H, W, 3) BGR, before it is kept.

        Raises:
            ResultBlocked: it must not be kept.
            ScreeningFailed: nothing can be said about it, so it must not be kept either.
        """
        ...

    def asset_explain(self, photo: Asset) -> Refusal | None:
        """Why a photo is in review or blocked; None where it is neither."""
        ...

    def warm_up(self) -> None:
        """Load what the first look would otherwise wait for.

        Raises:
            Exception: something is missing; the first look will say so too.
        """
        ...


_screeners: list[Screener | str] = []


def register(screener: Screener | str) -> None:
    """Let ``screener`` judge every picture; the last one registered does.

    A dotted path names a class that is loaded when it is first needed.
    """
    _screeners.append(screener)


def get_screener() -> Screener:
    """Who judges pictures here.

    Raises:
        RuntimeError: nobody does, so that nothing may pass.
    """
    if not _screeners:
        raise RuntimeError("no screener is registered")
    screener = _screeners[-1]
    if isinstance(screener, str):
        screener = _screeners[-1] = cast(Screener, import_string(screener)())
    return screener
