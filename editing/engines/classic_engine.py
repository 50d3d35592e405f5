"""The classic edits, loaded; see :mod:`editing.engines.classic`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from editing.engines.base import EditEngine, EditRequest, EditStudy
from editing.engines.classic import OPTIONS
from editing.engines.classic_age import age_displacements, age_tone
from editing.engines.classic_frame import Change, EditFrame, cut_edit_frame, face_flow
from editing.engines.classic_hair import find_hair, grey_tone
from editing.engines.classic_skin import map_skin
from editing.engines.classic_smile import smile_displacements, smile_shading
from editing.engines.versions import Versions
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray
from models.pixels import blending
from models.pixels.imaging import Box, Image

_JITTER: Final = 0.01
"""Similarity that is asked on top of the threshold: a search for the face in the whole photo puts
its landmarks a little elsewhere than one near the face, and may read this much less."""


class ClassicEditEngine(EditEngine):
    """See :class:`editing.engines.base.EditEngine`."""

    name = "classic"
    options = OPTIONS
    margin = _JITTER

    def __init__(self) -> None:
        self._dlib = DlibAnalyser()

    @property
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person."""
        return self._dlib

    def study(self, photo: Image, face: Face, *, is_quick: bool = False) -> ClassicStudy:
        """Opens a face, with the landmarks that another engine's analyser may not have looked for.

        Raises:
            FaceError: ``no_features`` where they cannot be made out.
        """
        try:
            return ClassicStudy(photo, self._dlib.with_landmarks(photo, face))
        except ValueError as error:
            raise FaceError("no_features") from error

    def warm_up(self) -> None:
        """Loads the models for finding and recognising faces."""
        self._dlib.warm_up()


class ClassicStudy(EditStudy):
    """See :class:`editing.engines.base.EditStudy`."""

    def __init__(self, photo: Image, face: Face) -> None:
        self.photo = photo
        self.face = face
        self.timings_ms = {"prepare": 0.0}
        self._box, self._frame = cut_edit_frame(photo, face)
        self._looked_for_hair = False

    def versions(self, requests: Sequence[EditRequest]) -> Sequence[Image]:
        """Versions of the photo, each made when it is asked for."""
        return Versions(list(requests), self._applied)

    def touched(self) -> Box:
        """Outside of it no version that was made differs from the photo."""
        if not self._looked_for_hair or self._grey is None:
            return self._box
        low, high = np.array([self._box, self._grey[0]]).reshape(2, 2, 2).transpose(1, 0, 2)
        x1, y1, x2, y2 = (int(edge) for edge in (*low.min(axis=0), *high.max(axis=0)))
        return x1, y1, x2, y2

    @cached_property
    def _grey(self) -> tuple[Box, FloatArray] | None:
        """Where hair greys, and what is added there at age 1."""
        self._looked_for_hair = True
        started = time.perf_counter()
        hair = find_hair(self.photo, self.face)
        grey = None
        if hair is not None:
            grey = hair.box, grey_tone(hair)
        self._count(started)
        return grey

    def _applied(self, request: EditRequest) -> Image:
        edited = self.photo.copy()
        if request.age > 0 and self._grey is not None:
            # Before anything is bent: hair beside the face moves with it.
            (x1, y1, x2, y2), tone = self._grey
            blending.add_delta(edited[y1:y2, x1:x2], tone * np.float32(request.age))
        x1, y1, x2, y2 = self._box
        started = time.perf_counter()
        change = prepare_change(self._frame, request)
        self._count(started)
        edited[y1:y2, x1:x2] = change.applied(edited[y1:y2, x1:x2], 1.0)
        return edited

    def _count(self, started: float) -> None:
        self.timings_ms["prepare"] += 1000 * (time.perf_counter() - started)


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
