"""The edit engine that needs no download: geometry for the smile, frequency bands for the age."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from editing.engines.classic_age import age_displacements, age_tone
from editing.engines.classic_frame import Change, EditFrame, cut_edit_frame, face_flow
from editing.engines.classic_hair import find_hair, grey_tone
from editing.engines.classic_skin import map_skin
from editing.engines.classic_smile import smile_displacements, smile_shading
from editing.engines.former import (
    UNTOUCHED,
    EditRequest,
    EditResult,
    Outlook,
    Progress,
    Reason,
    Slider,
    Start,
)
from editing.engines.former_guarded import guarded_edit
from editing.engines.versions import Versions
from editing.guard import THRESHOLD
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray
from models.pixels import blending
from models.pixels.imaging import Box, Image

_JITTER: Final = 0.01
"""Similarity that is asked on top of the threshold: a search for the face in the whole photo puts
its landmarks a little elsewhere than one near the face, and may read this much less."""

SLIDERS: Final = (Slider("smile", "Smile"), Slider("age", "Age"))


class ClassicEditEngine:
    """See :class:`editing.engines.former.EditEngine`.

    It bends and shades what the photo shows and invents nothing: a closed mouth smiles closed, and
    hair greys only where it can be told from all else. Age in years is not offered: by how many
    years a face is made to look older this way, nobody has measured.
    """

    name = "classic"
    label = "Classic"

    def __init__(self) -> None:
        self._dlib = DlibAnalyser()

    @property
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person."""
        return self._dlib

    @property
    def sliders(self) -> tuple[Slider, ...]:
        """Smile and age."""
        return SLIDERS

    def run(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        progress: Progress | None = None,
        start: Start = UNTOUCHED,
    ) -> EditResult:
        """Edits `face` in `photo`; see :meth:`editing.engines.former.EditEngine.run`.

        Beside ``edit``, ``check`` and ``total``, ``timings_ms`` has ``prepare``: the part of
        ``edit`` that is done once for all versions.

        Raises:
            FaceError: an edit that is not offered, an age in years, or a face whose features are
                not known.
        """
        _refuse_impossible(request)
        if progress is not None:
            progress("prepare", 0.0)
        face = self._with_features(photo, face)
        editing = _Editing(photo, face, request)
        result = guarded_edit(
            editing.render,
            photo=photo,
            face=face,
            request=request,
            analyser=self._dlib,
            threshold=min(threshold + _JITTER, 1.0),
            touched=lambda: editing.box,
            progress=progress,
            start=start,
        )
        return replace(
            result,
            threshold=threshold,
            timings_ms={"prepare": editing.prepare_ms, **result.timings_ms},
            reason=_in_numbers(result),
        )

    def prepare(self, photo: Image, face: Face) -> Outlook:
        """Nothing takes long enough to be worth preparing."""
        return Outlook()

    def preview(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        start: Start = UNTOUCHED,
    ) -> EditResult:
        """The same as :meth:`run`, which is quick on a small photo."""
        return self.run(photo, face, request, threshold, None, start)

    def render(self, photo: Image, face: Face, request: EditRequest) -> Image:
        """A version of `photo` that nobody has judged, for measuring; never for giving out.

        Raises:
            FaceError: as for :meth:`run`.
        """
        _refuse_impossible(request)
        return _Editing(photo, self._with_features(photo, face), request).render([request])[0]

    def _with_features(self, photo: Image, face: Face) -> Face:
        """`face` with landmarks, which another engine's analyser may not have looked for."""
        try:
            return self._dlib.with_landmarks(photo, face)
        except ValueError as error:
            raise FaceError("no_landmarks") from error

    def warm_up(self) -> None:
        """Loads the models for finding and recognising faces."""
        self._dlib.warm_up()


class _Editing:
    """One edit of one face: what its versions share is worked out once, at the first need."""

    def __init__(self, photo: Image, face: Face, asked: EditRequest) -> None:
        self._photo = photo
        self._asked = asked
        self._face = face
        self._box, self._frame = cut_edit_frame(photo, face)
        self.prepare_ms = 0.0

    def render(self, requests: Sequence[EditRequest]) -> Sequence[Image]:
        """Versions of the photo by `requests`, each some share of what was asked."""
        return Versions(list(requests), self._applied)

    @property
    def box(self) -> Box:
        """Outside of it no version differs from the photo."""
        if self._grey is None:
            return self._box
        low, high = np.array([self._box, self._grey[0]]).reshape(2, 2, 2).transpose(1, 0, 2)
        x1, y1, x2, y2 = (int(edge) for edge in (*low.min(axis=0), *high.max(axis=0)))
        return x1, y1, x2, y2

    @cached_property
    def _grey(self) -> tuple[Box, FloatArray] | None:
        """Where hair greys, and what is added there at share 1."""
        if self._asked.age <= 0:
            return None
        started = time.perf_counter()
        hair = find_hair(self._photo, self._face)
        grey = None
        if hair is not None:
            grey = hair.box, grey_tone(hair)
        self.prepare_ms += 1000 * (time.perf_counter() - started)
        return grey

    def _applied(self, request: EditRequest) -> Image:
        edited = self._photo.copy()
        if self._grey is not None and request.age > 0:
            # Before anything is bent: hair beside the face moves with it.
            (x1, y1, x2, y2), tone = self._grey
            blending.add_delta(edited[y1:y2, x1:x2], tone * np.float32(request.age))
        x1, y1, x2, y2 = self._box
        started = time.perf_counter()
        change = prepare_change(self._frame, request)
        self.prepare_ms += 1000 * (time.perf_counter() - started)
        edited[y1:y2, x1:x2] = change.applied(edited[y1:y2, x1:x2], 1.0)
        return edited


def prepare_change(frame: EditFrame, request: EditRequest) -> Change:
    """What `request` does to the face in `frame`, smile and age in one pass."""
    moved = smile_displacements(frame, request.smile) + age_displacements(request.age)
    tone: FloatArray | None = None
    if request.age:
        tone = age_tone(frame, map_skin(frame), request.age)
    if request.smile > 0:
        shading = smile_shading(frame, request.smile)
        if tone is None:
            tone = shading
        else:
            tone += cv2.resize(shading, frame.size[::-1], interpolation=cv2.INTER_LINEAR)
    return Change(tone, face_flow(frame, moved))


def _refuse_impossible(request: EditRequest) -> None:
    if request.target_age is not None:
        raise FaceError("no_age_estimate")
    offered = {slider.key for slider in SLIDERS}
    for key, strength in request.strengths.items():
        if strength and key not in offered:
            raise FaceError("edit_not_offered", slider=key)


def _in_numbers(result: EditResult) -> Reason | None:
    """The result's reason; that of a smaller edit with the figures of what was given."""
    if result.reason is None or result.verdict != "reduced":
        return result.reason
    given = result.applied.strengths
    told = [
        f"{slider.label} {100 * asked:+.0f} asked, {100 * given[slider.key]:+.0f} given"
        for slider in SLIDERS
        if (asked := result.asked.strengths[slider.key])
    ]
    return replace(result.reason, sentence=f"{'; '.join(told)}: more would no longer be you.")
