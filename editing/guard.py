"""How much of an edit may be delivered: the most that is still the same person.

The guard knows nothing of engines or networks. It is given a way to make an edit at some
strengths and a way to measure how alike the result and the photo are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from models.pixels.imaging import Image

Verdict = Literal["applied", "reduced", "none", "unsure"]
"""Given as asked; given with less strength; nothing visible passes; it cannot be judged."""

THRESHOLD: Final = 0.8
"""Similarity at or above which an edit is the same person (36.9 degrees between embeddings)."""
MAX_EVALUATIONS: Final = 8
MIN_SHARE: Final = 0.1
"""Share of the asked strength under which an edit is not given out."""
_GRID: Final = (1.0, 0.75, 0.5, 0.25)
_WEAK: Final = 0.125
"""Tried where nothing on the grid could be judged."""
_CONFIRM_STEP: Final = 0.85
"""Each version tried after one whose delivered file failed has this share of its strength."""
_BISECTION_WIDTH: Final = 0.02
"""Bisection ends when the share is known this closely."""

Edit: TypeAlias = "Callable[[Sequence[float]], Sequence[Image]]"
"""Strengths to finished images, uint8 (H, W, 3) BGR, one each, made in one batch."""
Similarity: TypeAlias = "Callable[[Image], float | None]"
"""How alike a finished image and the photo are, or None where that cannot be told."""
Finish: TypeAlias = "Callable[[Image], Image]"
"""A version as it is given out: marked, encoded and decoded again, of the same shape."""


@dataclass(frozen=True)
class CurvePoint:
    """One version that was judged: its strength, and its similarity or None if unsure."""

    strength: float
    similarity: float | None


@dataclass(frozen=True, eq=False)
class GuardResult:
    """What the guard found.

    Attributes:
        image: the version to deliver, uint8 (H, W, 3) BGR, finished where there was a way to;
            None for ``none`` and ``unsure``.
        asked: the strength asked for.
        applied: the strength of `image`, 0 without one.
        similarity: that of `image`, None without one.
        threshold: what it had to reach.
        curve: every version judged, weakest first.
        evaluations: how many were made and judged, or made and found not worth judging because a
            stronger one had passed.
        verdict: see :data:`Verdict`.
    """

    image: Image | None
    asked: float
    applied: float
    similarity: float | None
    threshold: float
    curve: tuple[CurvePoint, ...]
    evaluations: int
    verdict: Verdict


def guard(
    edit: Edit,
    similarity: Similarity,
    asked: float,
    threshold: float = THRESHOLD,
    max_evaluations: int = MAX_EVALUATIONS,
    finish: Finish | None = None,
) -> GuardResult:
    """Finds the strongest version of an edit, up to what was asked, that passes.

    A grid of strengths is made in one batch and judged from the strongest down to the first that
    passes. Between that one and the next stronger, which failed, the search goes on by bisection.
    Similarity need not fall with strength: only versions that were judged are ever returned, and
    of those the strongest that passed. A version that cannot be judged has not passed.

    Marking and encoding cost a little likeness and some time, so only what the search has found is
    finished; where it fails then, weaker ones are, until one passes.

    Args:
        edit: makes the versions.
        similarity: judges one of them.
        asked: strength asked for, of either sign; 0 asks for nothing.
        threshold: lowest similarity that passes.
        max_evaluations: most versions ever made in the search, at least 1; finishing may make
            more, each weaker than the one before.
        finish: makes of a version what is given out; that is judged and returned.

    Raises:
        ValueError: `asked` is not a finite number, `threshold` is not above 0 and at most 1, or
            `max_evaluations` is not positive.
    """
    if not math.isfinite(asked):
        raise ValueError("the strength must be a finite number")
    if not 0 < threshold <= 1:
        raise ValueError("the threshold must be above 0 and at most 1")
    if max_evaluations < 1:
        raise ValueError("at least one version must be made")
    search = _Search(edit, similarity, asked, threshold)
    if asked != 0:
        search.run(max_evaluations)
        if finish is not None:
            search.confirm(finish)
    return search.result()


class _Search:
    def __init__(self, edit: Edit, similarity: Similarity, asked: float, threshold: float) -> None:
        self._edit = edit
        self._similarity = similarity
        self._asked = asked
        self._threshold = threshold
        self._image: Image | None = None
        self._share = 0.0
        self._best: float | None = None
        self._curve: dict[float, float | None] = {}
        self._made = 0

    def run(self, max_evaluations: int) -> None:
        failed = self._try_grid(_GRID[:max_evaluations])
        if all(value is None for value in self._curve.values()):
            if self._made < max_evaluations:
                self._passes(_WEAK, self._made_at([_WEAK])[0])
            return
        while self._made < max_evaluations and failed - self._share > _BISECTION_WIDTH:
            middle = (self._share + failed) / 2
            if middle < MIN_SHARE:
                break
            if not self._passes(middle, self._made_at([middle])[0]):
                failed = middle

    def confirm(self, finish: Finish) -> None:
        """Finishes what was found, and weaker versions until one passes as it is given out."""
        share, image = self._share, self._image
        self._share, self._image, self._best = 0.0, None, None
        while image is not None and not self._passes(share, finish(image)):
            share *= _CONFIRM_STEP
            image = self._made_at([share])[0] if share >= MIN_SHARE else None

    def _try_grid(self, shares: Sequence[float]) -> float:
        """Judges `shares`, strongest first; returns the weakest known to fail above the best."""
        failed = 1.0
        for share, image in zip(shares, self._made_at(shares), strict=True):
            if self._passes(share, image):
                return failed
            failed = share
        return failed

    def _made_at(self, shares: Sequence[float]) -> Sequence[Image]:
        images = self._edit([share * self._asked for share in shares])
        if len(images) != len(shares):
            raise ValueError(f"{len(shares)} versions were asked for, {len(images)} were made")
        self._made += len(shares)
        return images

    def _passes(self, share: float, image: Image) -> bool:
        measured = self._similarity(image)
        if measured is not None and not math.isfinite(measured):
            measured = None
        self._curve[share] = measured
        if measured is None or measured < self._threshold:
            return False
        self._share, self._image, self._best = share, image, measured
        return True

    def result(self) -> GuardResult:
        return GuardResult(
            image=self._image,
            asked=self._asked,
            applied=self._share * self._asked,
            similarity=self._best,
            threshold=self._threshold,
            curve=tuple(
                CurvePoint(share * self._asked, value)
                for share, value in sorted(self._curve.items())
            ),
            evaluations=self._made,
            verdict=self._verdict(),
        )

    def _verdict(self) -> Verdict:
        if self._image is not None:
            return "applied" if self._share == 1.0 else "reduced"
        return "unsure" if None in self._curve.values() else "none"
