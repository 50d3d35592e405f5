"""The part every edit engine shares: judge the face, run the guard, tell the outcome in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from editing.engines import base
from editing.engines.base import UNTOUCHED, Box, EditRequest, EditResult, Progress, Start
from editing.guard import MAX_EVALUATIONS, GuardResult, Similarity, guard
from models.engines import Notice
from models.faces import identity
from models.faces.analysis import FaceAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray
from models.pixels.imaging import Image
from models.refusals import JSON

MIN_SHARPNESS: Final = 4.0
"""Of :class:`models.faces.face.Quality`: under it the face is too blurred to be recognised."""
_CONTEXT: Final = 0.6
"""Margin round the face that is cut out with it, as a share of its box."""
_MIN_OVERLAP: Final = 0.3

NO_VERIFIER: Final = Notice("no_verifier", level="refused")
FACE_TOO_SMALL: Final = Notice("face_too_small_to_judge", level="refused")
FACE_BLURRED: Final = Notice("face_blurred", level="refused")
FACE_LOST: Final = Notice("face_lost", level="refused")
NOT_THE_SAME: Final = Notice("identity_lost", level="refused")
NOTHING_VISIBLE: Final = Notice("nothing_visible", level="refused")

Render = Callable[[Sequence[EditRequest]], Sequence[Image]]
"""Requests to finished images, uint8 (H, W, 3) BGR of the photo's size, one each.

The sequence may finish an image only when it is asked for it: weaker versions than the first that
passes never are.
"""


_VISIBLE_LEVELS: Final = 1.5
"""Change of a patch's mean in 8-bit levels from which on people see it side by side."""
_VISIBLE_SHARE: Final = 0.003
"""Share of the face's box that must change by that much."""
_PATCH: Final = 0.015
"""Side of a patch, as a share of the face's box."""


def guarded_edit(
    render: Render,
    *,
    photo: Image,
    face: Face,
    request: EditRequest,
    analyser: FaceAnalyser | None,
    threshold: float,
    touched: Callable[[], Box],
    progress: Progress | None = None,
    max_evaluations: int = MAX_EVALUATIONS,
    start: Start = UNTOUCHED,
    labels: Mapping[str, str] | None = None,
) -> EditResult:
    """Runs an edit under the identity guard.

    Args:
        render: makes versions of the photo; called first with a grid, then with single requests.
        photo: uint8 (H, W, 3) BGR; never changed.
        face: the face to edit, in photo pixels.
        request: what is asked, with the age as a strength.
        analyser: who judges identity; None means that no edit is delivered.
        threshold: similarity that has to be reached.
        touched: the box outside which `render` changes no pixel; asked once there is a result.
        progress: told of the stages ``edit`` and ``check``.
        max_evaluations: most versions ever made; fewer find a less exact strength sooner.
        start: what the face has been through.
        labels: what people call the sliders, message ids by key.

    Returns:
        The result, with the stages ``edit``, ``check`` and ``total`` timed.
    """
    started = time.perf_counter()
    if request.strengths == start.shown.strengths or not (
        any(request.strengths.values()) or any(start.shown.strengths.values())
    ):
        unchanged = photo if start.seen is None else start.seen
        return _result(start.shown, threshold, image=unchanged.copy(), similarity=1.0)
    if analyser is None:
        return _result(request, threshold, reason=NO_VERIFIER)
    whole, first = (photo, face) if start.reference is None else start.reference
    if (doubt := judge_face(face) or judge_face(first)) is not None:
        return _result(request, threshold, reason=doubt)

    checking, judged = 0.0, 0
    judge = similarity_between((whole, first), (photo, face), analyser, threshold)

    def edit(shares: Sequence[float]) -> Sequence[Image]:
        # Later versions belong to the search: a bar that went back would confuse.
        if judged == 0:
            _tell(progress, "edit", 0.0)
        return render([start.shown.toward(request, share) for share in shares])

    def similarity(image: Image) -> float | None:
        nonlocal checking, judged
        _tell(progress, "check", min(judged / max_evaluations, 1.0))
        judged += 1
        begun = time.perf_counter()
        value = judge(image)
        checking += _milliseconds_since(begun)
        return value

    found = guard(edit, similarity, 1.0, threshold, max_evaluations, start.finish)
    _tell(progress, "check", 1.0)
    total = _milliseconds_since(started)
    image, verdict, reason = (
        found.image,
        found.verdict,
        _reason(found, start.shown, request, labels or {}),
    )
    seen = photo if start.seen is None else start.seen
    if image is not None and not is_visible(seen, image, face):
        image, verdict, reason = None, "none", NOTHING_VISIBLE
    return EditResult(
        image=image,
        asked=request,
        applied=start.shown if image is None else start.shown.toward(request, found.applied),
        similarity=None if image is None else found.similarity,
        threshold=threshold,
        curve=found.curve,
        evaluations=found.evaluations,
        timings_ms={"edit": total - checking, "check": checking, "total": total},
        touched=None if image is None else touched(),
        verdict=verdict,
        reason=reason,
    )


def is_visible(before: Image, after: Image, face: Face) -> bool:
    """Whether people would see that `face` changed between two pictures of one size, uint8 BGR."""
    x1, y1, x2, y2 = _surroundings(face, before.shape[:2])
    change = cv2.absdiff(before[y1:y2, x1:x2], after[y1:y2, x1:x2]).astype(np.float32)
    side = max(float(face.box[2] - face.box[0]), float(face.box[3] - face.box[1]))
    patch = max(round(_PATCH * side), 1)
    means = cv2.blur(change, (patch, patch)).max(axis=2)
    return float((means >= _VISIBLE_LEVELS).sum()) >= _VISIBLE_SHARE * max(face.area, 1.0)


def study_edit(
    engine: base.EditEngine,
    photo: Image,
    face: Face,
    request: EditRequest,
    threshold: float,
    progress: Progress | None = None,
    start: Start = UNTOUCHED,
    *,
    is_quick: bool = False,
) -> base.EditResult:
    """An edit by any engine, under the guard; see :meth:`editing.engines.base.EditEngine.run`."""
    for key, strength in request.strengths.items():
        if strength and key not in engine.options:
            raise FaceError("edit_not_offered", slider=key)
    _tell(progress, "prepare", 0.0)
    study = engine.study(photo, face, is_quick=is_quick)
    evaluations = engine.preview_evaluations if is_quick else None
    result = guarded_edit(
        study.versions,
        photo=photo,
        face=study.face,
        request=study.resolved(request),
        analyser=engine.analyser,
        threshold=min(threshold + engine.margin + _judge_margin(engine.analyser, face), 1.0),
        touched=study.touched,
        progress=progress,
        max_evaluations=evaluations or MAX_EVALUATIONS,
        start=start,
        labels={option.key: option.label for option in engine.options},
    )
    return replace(
        result,
        threshold=threshold,
        timings_ms={**study.timings_ms, **result.timings_ms},
    )


def _judge_margin(analyser: FaceAnalyser | None, face: Face) -> float:
    """What the built-in network's reading of a turned face lacks in certainty."""
    by_sface = analyser is not None and analyser.name == identity.SFACE_ANALYSER
    return identity.turned_margin(face) if by_sface else 0.0


def judge_face(face: Face) -> Notice | None:
    """Why nobody could tell whose `face` is, or None where one can."""
    if not identity.is_judgeable(face):
        return FACE_TOO_SMALL
    if face.quality.sharpness < MIN_SHARPNESS:
        return FACE_BLURRED
    return None


def similarity_to(photo: Image, face: Face, analyser: FaceAnalyser, threshold: float) -> Similarity:
    """`similarity_between` of a face and edited copies of the photo it is in."""
    return similarity_between((photo, face), (photo, face), analyser, threshold)


def similarity_between(
    first: tuple[Image, Face],
    start: tuple[Image, Face],
    analyser: FaceAnalyser,
    threshold: float,
) -> Similarity:
    """A measure of how alike a face as it first was is to that in an edited copy of a picture.

    Two readings are taken and the lower counts: one with the faces where they are known to be,
    one with both found afresh in their whole pictures, as anybody else would find them. Looked for
    in a cut-out a face is placed otherwise than in the photo, by as much as an edit moves it. The
    second is skipped where the first is under `threshold` already; where no face is found any more
    there is no answer.

    Args:
        first: picture, uint8 (H, W, 3) BGR, and face, before any edit.
        start: picture and face that the copies are made from.
        analyser: measures likeness.
        threshold: likeness that has to be reached.
    """
    whole, known = first
    reference = analyser.embed(*_cut(whole, known)[:2])
    afresh: list[FloatArray] = []
    _, placed, (x1, y1, x2, y2) = _cut(*start)

    def similarity(image: Image) -> float | None:
        crop = np.ascontiguousarray(image[y1:y2, x1:x2])
        in_place = analyser.similarity(reference, analyser.embed(crop, placed))
        if in_place < threshold:
            return in_place
        found = _found(analyser, image, start[1])
        if found is None:
            return None
        if not afresh:
            again = _found(analyser, whole, known)
            afresh.append(reference if again is None else analyser.embed(whole, again))
        return min(in_place, analyser.similarity(afresh[0], analyser.embed(image, found)))

    return similarity


def _found(analyser: FaceAnalyser, image: Image, face: Face) -> Face | None:
    """The face in `image` that is nearest to where `face` is, found afresh; None without one."""
    found = [other for other in analyser.find_faces(image) if _overlap(other, face) >= _MIN_OVERLAP]
    return max(found, key=lambda other: _overlap(other, face), default=None)


def _cut(image: Image, face: Face) -> tuple[Image, Face, Box]:
    """The surroundings of a face, the face in them, and where they are."""
    x1, y1, x2, y2 = box = _surroundings(face, image.shape[:2])
    moved = _shifted(face, -np.array([x1, y1], np.float32))
    return np.ascontiguousarray(image[y1:y2, x1:x2]), moved, box


def _surroundings(face: Face, size: tuple[int, ...]) -> Box:
    height, width = size
    x1, y1, x2, y2 = (float(value) for value in face.box)
    margin = _CONTEXT * max(x2 - x1, y2 - y1)
    return (
        max(int(x1 - margin), 0),
        max(int(y1 - margin), 0),
        min(int(x2 + margin) + 1, width),
        min(int(y2 + margin) + 1, height),
    )


def _shifted(face: Face, shift: np.ndarray) -> Face:
    return replace(
        face,
        box=(face.box + np.tile(shift, 2)).astype(np.float32),
        kps=(face.kps + shift).astype(np.float32),
        landmarks=None if face.landmarks is None else (face.landmarks + shift).astype(np.float32),
    )


def _overlap(a: Face, b: Face) -> float:
    """Intersection over union of two boxes."""
    low = np.maximum(a.box[:2], b.box[:2])
    high = np.minimum(a.box[2:], b.box[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / max(a.area + b.area - common, 1e-6)


def _reason(
    found: GuardResult, shown: EditRequest, request: EditRequest, labels: Mapping[str, str]
) -> Notice | None:
    if found.verdict == "applied":
        return None
    if found.verdict != "reduced":
        return NOT_THE_SAME if found.verdict == "none" else FACE_LOST
    given = shown.toward(request, found.applied).strengths
    told: list[JSON] = [
        {
            "code": "slider_given",
            "params": {
                "slider": labels.get(key, key),
                "asked": f"{100 * asked:+.0f}",
                "given": f"{100 * given[key]:+.0f}",
            },
        }
        for key, asked in request.strengths.items()
        if asked != shown.strengths.get(key, 0.0)
    ]
    return Notice("reduced", {"sliders": told})


def _result(
    request: EditRequest,
    threshold: float,
    *,
    image: Image | None = None,
    similarity: float | None = None,
    reason: Notice | None = None,
) -> EditResult:
    return EditResult(
        image=image,
        asked=request,
        applied=request if reason is None else EditRequest(),
        similarity=similarity,
        threshold=threshold,
        curve=(),
        evaluations=0,
        timings_ms={"total": 0.0},
        touched=None,
        verdict="applied" if reason is None else "unsure",
        reason=reason,
    )


def _tell(progress: Progress | None, stage: str, fraction: float) -> None:
    if progress is not None:
        progress(stage, fraction)


def _milliseconds_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
