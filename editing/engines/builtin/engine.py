"""The built-in edits, loaded: geometry for the smile, frequency bands for the age."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from editing.engines.base import Box, EditEngine, EditRequest, EditStudy
from editing.engines.builtin.age import age_moves, age_tone
from editing.engines.builtin.frame import Change, cut_edit_frame, head_flow
from editing.engines.builtin.hair import find_hair, grey_tone
from editing.engines.builtin.skin import SkinMap, map_skin
from editing.engines.builtin.smile import smile_moves, smile_shading
from editing.engines.memory import ShortMemory
from editing.engines.versions import Versions
from models.faces.analysis import FaceAnalyser
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.face import Face, FloatArray
from models.faces.parsing import FaceClass, Parsing
from models.geometry import face_mesh
from models.options import OptionSchema
from models.pixels import blending
from models.pixels.imaging import Image

_STUDIED: Final = 6
_STUDIED_SECONDS: Final = 600.0
"""How many faces are remembered between previews, and for how long."""
_GLASSES: Final = 0.04
"""Share of the band of the eyes that glasses take."""


class BuiltinEditEngine(EditEngine):
    """It bends and shades what the photo shows and invents nothing.

    A closed mouth smiles closed, and only what the parser takes for hair greys. Age in years is not
    offered: by how many years a face is made to look older this way, nobody has measured.

    Args:
        vision: finds the mesh and the parts of a face.
        judge: who says whether a result is the same person; None where there is nobody.
        options: what it can be told.
    """

    name = "builtin"
    margin = 0.01
    """A search for the face in the whole photo places it a little otherwise than one near it."""

    def __init__(
        self, vision: BuiltinAnalyser, judge: FaceAnalyser | None, options: OptionSchema
    ) -> None:
        self._vision = vision
        self._judge = judge
        self._studied = ShortMemory[BuiltinStudy](_STUDIED, _STUDIED_SECONDS)
        self.options = options

    @property
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person."""
        return self._judge

    def study(self, photo: Image, face: Face, *, is_quick: bool = False) -> BuiltinStudy:
        """See :meth:`editing.engines.base.EditEngine.study`."""
        key = _fingerprint(photo, face)
        known = self._studied.get(key) if is_quick else None
        if known is not None:
            return known
        started = time.perf_counter()
        mesh = self._vision.mesh(photo, face)
        study = BuiltinStudy(photo, face, mesh, self._vision.parse(photo, face))
        study.timings_ms["prepare"] += 1000 * (time.perf_counter() - started)
        if is_quick:
            self._studied.keep(key, study)
        return study


class BuiltinStudy(EditStudy):
    """One face while it is edited; see :class:`editing.engines.base.EditStudy`.

    Args:
        photo: uint8 (H, W, 3) BGR; never changed.
        face: the face.
        mesh: float32 (468, 3) in photo pixels.
        parsing: the parts of the face; None without a parser, and then no hair greys.
    """

    def __init__(self, photo: Image, face: Face, mesh: FloatArray, parsing: Parsing | None) -> None:
        self.photo, self.face = photo, face
        self.timings_ms = {"prepare": 0.0}
        self.mesh, self._parsing = mesh, parsing
        wears = parsing is not None and wears_glasses(mesh, parsing)
        self._box, self._frame = cut_edit_frame(photo, face, mesh, parsing, wears)
        self._greyed = False

    def versions(self, requests: Sequence[EditRequest]) -> Sequence[Image]:
        """Versions of the photo, each made when it is read."""
        return Versions(list(requests), self._made)

    def touched(self) -> Box:
        """Outside of it no version differs from the photo."""
        if not self._greyed or self._grey is None:
            return self._box
        low, high = np.array([self._box, self._grey[0]]).reshape(2, 2, 2).transpose(1, 0, 2)
        x1, y1, x2, y2 = (int(edge) for edge in (*low.min(axis=0), *high.max(axis=0)))
        return x1, y1, x2, y2

    @cached_property
    def _skin(self) -> SkinMap:
        return map_skin(self._frame)

    @cached_property
    def _grey(self) -> tuple[Box, FloatArray] | None:
        """Where hair greys, and what is added there at strength 1."""
        if self._parsing is None:
            return None
        hair = find_hair(self.photo, self.mesh, self._parsing)
        return None if hair is None else (hair.box, grey_tone(hair))

    def _made(self, request: EditRequest) -> Image:
        started = time.perf_counter()
        edited = self.photo.copy()
        if not any(request.strengths.values()):
            return edited
        if request.age > 0 and self._grey is not None:
            # Before anything is bent: hair beside the face moves with it.
            (x1, y1, x2, y2), tone = self._grey
            blending.add_delta(edited[y1:y2, x1:x2], tone * np.float32(request.age))
            self._greyed = True
        x1, y1, x2, y2 = self._box
        change = self._change(request)
        edited[y1:y2, x1:x2] = change.applied(edited[y1:y2, x1:x2])
        self.timings_ms["prepare"] += 1000 * (time.perf_counter() - started)
        return edited

    def _change(self, request: EditRequest) -> Change:
        """What `request` does to the face, smile and age in one pass."""
        frame = self._frame
        moves = np.zeros((face_mesh.POINTS, 3), np.float32)
        tone: FloatArray | None = None
        if request.age:
            moves += age_moves(frame, request.age)
            tone = age_tone(frame, self._skin, request.age)
        if request.smile:
            moves += smile_moves(frame, request.smile)
            shading = smile_shading(frame, self._skin, request.smile)
            if tone is None:
                tone = shading
            else:
                tone += cv2.resize(shading, frame.size[::-1], interpolation=cv2.INTER_LINEAR)
        return Change(tone, head_flow(frame, moves))


def _fingerprint(photo: Image, face: Face) -> bytes:
    """Tells a face in a photo from every other."""
    digest = hashlib.blake2b(f"{photo.shape}".encode())
    for part in (photo, face.kps):
        digest.update(np.ascontiguousarray(part).data)
    return digest.digest()


def wears_glasses(mesh: FloatArray, parsing: Parsing) -> bool:
    """Whether glasses cross the eyes of the face with `mesh` (468, 3)."""
    eyes = [*face_mesh.LEFT_EYE, *face_mesh.RIGHT_EYE, *face_mesh.LEFT_BROW, *face_mesh.RIGHT_BROW]
    points = mesh[eyes, :2] @ parsing.matrix[:, :2].T + parsing.matrix[:, 2]
    band = np.zeros(parsing.labels.shape, np.uint8)
    cv2.fillConvexPoly(band, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
    glasses = parsing.share(FaceClass.GLASSES)[band > 0]
    return bool(glasses.size) and float((glasses > 0.5).mean()) > _GLASSES
