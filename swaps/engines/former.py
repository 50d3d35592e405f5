"""What every swap engine takes, gives and answers to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from models.faces.analysis import FaceAnalyser
from models.faces.face import Face
from models.pixels.imaging import Box, Image

Blend = Literal["multiband", "poisson", "alpha"]

Progress = Callable[[str, float], None]
"""Called with a stage key (``prepare``, ``swap``, ``measure``) and the share, 0 to 1, of the
faces that are done with it."""


@dataclass(frozen=True)
class SwapWarning:
    """Something that will show in the result, and what to do about it, in plain words."""

    code: str
    sentence: str
    way_on: str


@dataclass(frozen=True, eq=False)
class FaceSwap:
    """One face of the target and the face that takes its place.

    Attributes:
        target_face: the face to be replaced, in target pixels.
        source_image: uint8 (H, W, 3) BGR, the photo of the new face.
        source_face: the new face, in source pixels.
    """

    target_face: Face
    source_image: Image
    source_face: Face


@dataclass(frozen=True)
class SwapOptions:
    """How a swap is done.

    Attributes:
        blend: how the face is put in: in frequency bands (best), by gradients, or by a plain fade.
        measure: whether the similarities of the result are measured.
    """

    blend: Blend = "multiband"
    measure: bool = True


@dataclass(frozen=True, eq=False)
class FaceOutcome:
    """What became of one face.

    Attributes:
        target_face: the face that was replaced.
        similarity_to_source: how alike the result and the source are, 0 to 1; None where it was
            not measured or a face is too small to tell.
        similarity_to_target: the same for the result and the target before.
        warnings: what may look odd.
        left_out: which of the further photos of the new face were not used, counted from 0.
    """

    target_face: Face
    similarity_to_source: float | None
    similarity_to_target: float | None
    warnings: tuple[SwapWarning, ...] = ()
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelUsed:
    """A network that took part: its card and file, and the SHA-256 of the file."""

    name: str
    digest: str


@dataclass(frozen=True, eq=False)
class SwapResult:
    """A finished swap.

    Attributes:
        image: uint8 (H, W, 3) BGR, as large as the target.
        outcomes: one per swap, in the order asked for.
        timings_ms: milliseconds per stage, and ``total``.
        touched: x1, y1, x2, y2 per swap; every pixel outside all of them is the target's own.
        models: the networks that took part, for an engine whose files an operator fetched.
    """

    image: Image
    outcomes: tuple[FaceOutcome, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    touched: tuple[Box, ...] = ()
    models: tuple[ModelUsed, ...] = ()


class SwapEngine(Protocol):
    """One way to swap faces. Implementations may be used by several threads."""

    name: str
    label: str
    analyser: FaceAnalyser

    def check(self, target_face: Face, source_face: Face) -> list[SwapWarning]:
        """Judges a pair of faces by their stored data alone, before any pixel is read.

        Raises:
            FaceError: the engine cannot do this pair well.
        """
        ...

    def run(
        self,
        target: Image,
        swaps: Sequence[FaceSwap],
        options: SwapOptions | None = None,
        progress: Progress | None = None,
    ) -> SwapResult:
        """Swaps every face asked for in `target`, uint8 (H, W, 3) BGR, which is not changed.

        Raises:
            FaceError: no face was asked for, or :meth:`check` refuses one of the pairs.
        """
        ...

    def warm_up(self) -> None:
        """Loads what the first swap would otherwise wait for."""
        ...
