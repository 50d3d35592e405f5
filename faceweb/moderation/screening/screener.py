"""What the gallery asks about every picture: see `faceweb.media.screening.Screener`."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from django.conf import settings
from django.db import transaction

from faceweb.marks.pdq import PdqHash
from faceweb.media.analysis import get_analyser
from faceweb.media.errors import ResultBlocked, ScreeningFailed
from faceweb.media.models import Asset
from faceweb.media.pictures import asset_read
from faceweb.media.screening import Finding
from faceweb.moderation import known_bad
from faceweb.moderation.cases import case_open
from faceweb.moderation.copies import looks_keep
from faceweb.moderation.models import Case, Screening
from faceweb.moderation.screening import ages, backends, shield
from faceweb.moderation.screening.explanations import result_explain
from faceweb.moderation.screening.time_limit import within
from faceweb.moderation.screening.verdict import (
    KNOWN_BAD,
    MINOR,
    PROTECTED_FACE,
    Level,
    Verdict,
    scores_judge,
)

if TYPE_CHECKING:
    from faceweb.people.models import User
    from models.faces.face import Face, FloatArray
    from models.pixels.imaging import Image

_Seen = TypeVar("_Seen")

logger = logging.getLogger(__name__)

# A result is tried again at once, in the job that made it; more than that is for its owner to ask.
_RESULT_ATTEMPTS: Final = 2
_OFF: Final = "off"
# Scores under this are noise and not kept.
_KEPT_SCORE: Final = 0.01


@dataclass(frozen=True)
class Sight:
    """All that was seen in one picture, and what it comes to."""

    verdict: Verdict
    scores: dict[str, Any] = field(default_factory=dict)
    model: str = ""

    def and_also(self, other: Sight) -> Sight:
        """Both together: the sterner verdict, and all that was seen."""
        return Sight(
            self.verdict.stricter_of(other.verdict),
            {**self.scores, **other.scores},
            ", ".join(filter(None, (self.model, other.model))),
        )


class PictureScreener:
    """Looks at uploads and results for `gate.SiteScreener`; used by all threads of a process."""

    def asset_screen(self, photo: Asset, image: Image, faces: Sequence[Face]) -> Finding:
        """See `Screener`."""
        looks, protected = known_bad.current_looks(), shield.current_shield()

        def look() -> Sight:
            known = _known(looks, image)
            if known.verdict.level is Level.BLOCKED:
                return known
            level = protected.level(image, faces, photo.analyser)
            shown = Sight(Verdict(level, PROTECTED_FACE if level else ""))
            return known.and_also(shown).and_also(_look(image, faces))

        sight = within(settings.SCREENING_SECONDS, look)
        return _finding(Screening.Subject.UPLOAD, sight, image, known_bad.picture_hash(image))

    def result_screen(self, owner: User, image: Image, parents: Sequence[Asset]) -> Finding:
        """See `Screener`.

        The photos it was made of are compared once more with the faces that were protected since
        they came in.
        """
        for parent in _looked_at_before(shield.newest_protection(), parents):
            _protection_check(parent)
        looks = known_bad.current_looks()
        sight = _patiently(lambda: _known(looks, image).and_also(_look(image, None)))
        if sight.verdict.level is Level.BLOCKED:
            _row(Screening.Subject.RESULT, sight, image, owner).save()
            raise result_explain(sight.verdict.reason)
        return _finding(Screening.Subject.RESULT, sight, image)

    def warm_up(self) -> None:
        """See `Screener`."""
        blank = np.zeros((320, 320, 3), np.uint8)
        for backend in backends.get_backends():
            backend.scores(blank)


def _looked_at_before(when: datetime | None, photos: Sequence[Asset]) -> list[Asset]:
    """Those of the photos that were not looked at since."""
    if when is None:
        return []
    since = Screening.objects.filter(photo__in=photos, created_at__gte=when)
    seen = set(since.values_list("photo_id", flat=True))
    return [photo for photo in photos if photo.pk not in seen]


def _protection_check(photo: Asset) -> None:
    """Compare the faces of a photo that is here already with the protected ones.

    Raises:
        ResultBlocked: it shows one; the photo cannot be used any more.
        ScreeningFailed: nobody can say.
    """
    protected = shield.current_shield()
    image = asset_read(photo)
    level = _patiently(lambda: protected.level(image, photo.found_faces(), photo.analyser))
    sight = Sight(Verdict(level, PROTECTED_FACE if level else ""))
    finding = _finding(Screening.Subject.UPLOAD, sight, image)
    with transaction.atomic():
        if level:
            Asset.objects.filter(pk=photo.pk).update(screening=finding.state)
        finding.record(photo)
    if level:
        raise ResultBlocked(PROTECTED_FACE)


def _patiently(look: Callable[[], _Seen]) -> _Seen:
    """What ``look`` sees, tried again at once when it fails.

    Raises:
        ScreeningFailed: nothing could be seen, however often it was tried.
    """
    for attempt in range(1, _RESULT_ATTEMPTS + 1):
        try:
            return within(settings.SCREENING_SECONDS, look)
        except Exception as error:
            logger.warning("a result, screening attempt %d: %s", attempt, type(error).__name__)
    raise ScreeningFailed("a result could not be screened")


def _known(looks: known_bad.BlockedLooks, image: Image) -> Sight:
    """Whether it is on the block list by its looks."""
    level, distance = looks.level(image)
    if not level:
        return Sight(Verdict())
    return Sight(Verdict(level, KNOWN_BAD), {"pdq_distance": distance})


def _look(image: Image, faces: Sequence[Face] | None) -> Sight:
    """What the networks see; touches no database.

    Args:
        image: uint8 (H, W, 3) BGR.
        faces: found in it; None where they are looked for only if it would not be clear.

    Raises:
        Exception: a network that should look is missing or fails, so that nothing can be said.
    """
    looking = backends.get_backends()
    if not looking:
        return Sight(Verdict(), model=_OFF)
    scores = {backend.name: backend.scores(image, _boxes(faces)) for backend in looking}
    verdict = scores_judge(scores)
    if verdict.level and faces is None:
        boxes = _boxes(get_analyser().find_faces(image))
        scores = {backend.name: backend.scores(image, boxes) for backend in looking}
        verdict = scores_judge(scores)
    estimator = ages.get_estimator() if faces else None
    if faces and estimator is not None and ages.may_show_minor(image, faces, estimator):
        # Where it is blocked anyway, that it may be about a child decides who looks, and when.
        verdict = Verdict(max(verdict.level, Level.REVIEW), MINOR)
    model = ", ".join(backend.version for backend in looking)
    return Sight(verdict, {name: _worth_keeping(seen) for name, seen in scores.items()}, model)


def _boxes(faces: Sequence[Face] | None) -> list[FloatArray]:
    return [face.box for face in faces or ()]


def _worth_keeping(scores: dict[str, float]) -> dict[str, float]:
    return {name: score for name, score in scores.items() if score >= _KEPT_SCORE}


def _finding(
    subject: Screening.Subject, sight: Sight, image: Image, looks: PdqHash | None = None
) -> Finding:
    def record(photo: Asset) -> None:
        if looks is not None:
            looks_keep(photo=photo, pdq=looks.bits.hex(), quality=looks.quality)
        row = _row(subject, sight, image, photo.owner)
        row.photo = photo
        row.save()
        if sight.verdict.level is Level.REVIEW or sight.verdict.reason == MINOR:
            case_open(kind=Case.Kind.SCREENING, reason=sight.verdict.reason, photo=photo)

    return Finding(sight.verdict.level.state, record)


def _row(subject: Screening.Subject, sight: Sight, image: Image, person: User) -> Screening:
    return Screening(
        person=person,
        subject=subject,
        state=sight.verdict.level.state,
        reason=sight.verdict.reason,
        scores=sight.scores,
        model=sight.model,
        sha256=hashlib.sha256(image.tobytes()).hexdigest(),
    )
