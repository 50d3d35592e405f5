"""The registry of who puts the marks on results: in their pixels, in their files, in the registry.

The provenance floor above registers itself here. Where nobody has, no result is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceweb.media.details import Details
    from faceweb.media.makers import Step
    from faceweb.media.models import Asset


@dataclass(frozen=True)
class Making:
    """What the marks say about a result.

    Attributes:
        steps: all that was done since the upload, the oldest first; the last is this result's.
        target: the photo it was made on.
        sources: the photos a face was taken from.
        details: figures and timings, as its page shows them.
    """

    steps: tuple[Step, ...]
    target: Asset
    sources: Sequence[Asset]
    details: Details


class Mark(Protocol):
    """The marks of one result that is about to be stored."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The pixels with the imperceptible mark, uint8 (H, W, 3) BGR."""
        ...

    def sign(self, content: bytes, media_type: str, *, chain: bool) -> bytes:
        """The encoded file of that media type with what it says about itself.

        ``chain`` is whether what it was made on tells its own history in it too.
        """
        ...

    def record(self, photo: Asset) -> None:
        """Write the result into the registry, inside the transaction that stores ``photo``."""
        ...


class Marker(Protocol):
    """Marks pictures; may be used by several threads."""

    def mark(self, image: NDArray[np.uint8], making: Making) -> Mark:
        """Mark a result, uint8 (H, W, 3) BGR, which is not changed.

        Raises:
            MarkingError: it cannot be marked, so it must not be kept.
        """
        ...


class Copier(Protocol):
    """Makes the marked copies that leave the site; may be used by several threads.

    Pages do it, so it needs no OpenCV and no network.
    """

    def download_copy(self, photo: Asset, *, badge: bool) -> tuple[bytes, str]:
        """The file that its owner saves of a result, with the visible badge unless not asked.

        Returns its bytes and its media type.

        Raises:
            FileNotFoundError: the stored file is not there.
            MarkingError: it cannot be marked.
        """
        ...


_markers: list[Marker | str] = []
_copiers: list[Copier | str] = []


def register(marker: Marker | str, copier: Copier | str) -> None:
    """Let ``marker`` mark every result, and ``copier`` every copy; the last registered ones do.

    A dotted path names a class that is loaded when it is first needed: the marker's by workers
    alone.
    """
    _markers.append(marker)
    _copiers.append(copier)


def get_marker() -> Marker:
    """Who marks results here.

    Raises:
        RuntimeError: nobody does, so that no result may be kept.
    """
    if not _markers:
        raise RuntimeError("no marker is registered")
    marker = _markers[-1]
    if isinstance(marker, str):
        marker = _markers[-1] = cast(Marker, import_string(marker)())
    return marker


def get_copier() -> Copier:
    """Who makes copies of results here.

    Raises:
        RuntimeError: nobody does, so that no result may leave.
    """
    if not _copiers:
        raise RuntimeError("no copier is registered")
    copier = _copiers[-1]
    if isinstance(copier, str):
        copier = _copiers[-1] = cast(Copier, import_string(copier)())
    return copier
