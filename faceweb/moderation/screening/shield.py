"""Comparing every face of a picture with the protected ones."""

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from django.db.models import Max

from faceweb.media.analysis import get_analyser
from faceweb.moderation.embedders import ARCFACE, DLIB, SFACE, can_embed, dlib_embedder
from faceweb.moderation.models import ProtectedFace
from faceweb.moderation.screening.verdict import Band, Level
from faceweb.moderation.sealing import CannotUnseal, vector_unseal
from models.faces.analysis import FaceAnalyser
from models.faces.face import Face, FloatArray
from models.faces.identity import DLIB_DISTANCE_SCALE, on_arcface_scale
from models.pixels.imaging import Image

logger = logging.getLogger(__name__)

# How alike a face must be to a protected one, on the scale of its network's `similarity`.
# docs/safety.md has the measurement behind them.
LIKENESS: Final = {
    DLIB: Band(review=0.54, block=0.64),
    ARCFACE: Band(review=0.40, block=0.50),
    SFACE: Band(review=0.27, block=0.34),
}
# Under this width of the jaw a network's vectors say nothing reliable.
MIN_WIDTH_PX: Final = {DLIB: 60.0, ARCFACE: 40.0, SFACE: 40.0}


class ShieldBroken(Exception):
    """A protected face cannot be read, so that nobody can say whether a picture shows it."""


@dataclass(frozen=True)
class Shield:
    """The protected faces in this process's memory.

    Attributes:
        count: how many people are protected.
        vectors: name of a network -> float32 (N, D), one row for each person it knows; rows of
            length 1 for ArcFace and SFace.
    """

    count: int
    vectors: Mapping[str, FloatArray]

    def level(self, image: Image, faces: Sequence[Face], found_by: str) -> Level:
        """Whether any face is a protected one; BLOCKED is a hit, REVIEW a perhaps.

        Where the network in use does not know everybody, because it was installed later, dlib's
        looks too.

        Args:
            image: uint8 (H, W, 3) BGR.
            faces: found in it.
            found_by: name of the analyser that found them.
        """
        if not self.count:
            return Level.CLEAR
        analyser = get_analyser()
        if found_by != analyser.name:
            faces = analyser.find_faces(image)
        can = can_embed(analyser)
        level = self._sternest(image, faces, analyser) if can else Level.CLEAR
        known = len(self.vectors.get(analyser.name, ())) if can else 0
        if known < self.count and analyser.name != DLIB:
            other = dlib_embedder()
            level = max(level, self._sternest(image, other.find_faces(image), other))
        return level

    def _sternest(self, image: Image, faces: Sequence[Face], analyser: FaceAnalyser) -> Level:
        vectors = self.vectors.get(analyser.name)
        if vectors is None:
            return Level.CLEAR
        found = Level.CLEAR
        for face in faces:
            if face.quality.width_px < MIN_WIDTH_PX[analyser.name]:
                continue
            alike = likeness(analyser.name, vectors, analyser.embed(image, face))
            found = max(found, LIKENESS[analyser.name].level(float(alike.max())))
        return found


def likeness(network: str, vectors: FloatArray, face: FloatArray) -> FloatArray:
    """How alike a face, float32 (D,), is to each of the vectors (N, D), float32 (N,).

    The same figures as the network's ``similarity`` gives one pair at a time.

    Args:
        network: its name.
        vectors: as `Shield.vectors` has them.
        face: as the network's ``embed`` gave it.
    """
    if network == DLIB:
        squares = np.einsum("nd,nd->n", vectors, vectors) + face @ face - 2 * (vectors @ face)
        return np.exp(-np.maximum(squares, 0) / np.float32(DLIB_DISTANCE_SCALE**2))
    cosines = np.asarray(vectors @ (face / max(float(np.linalg.norm(face)), 1e-12)), np.float32)
    return on_arcface_scale(cosines) if network == SFACE else cosines


def newest_protection() -> datetime | None:
    """When the last face was protected; None where none is."""
    active = ProtectedFace.objects.filter(state=ProtectedFace.State.ACTIVE)
    return active.aggregate(newest=Max("decided_at"))["newest"]


def current_shield() -> Shield:
    """The shield as the database has it now; decrypted again only after something changed.

    Raises:
        ShieldBroken: a protected face cannot be read.
    """
    global _kept
    with _lock:
        version = _version()
        if _kept is None or _kept[0] != version:
            _kept = (version, _load())
        return _kept[1]


_lock = threading.Lock()
_kept: tuple[object, Shield] | None = None


def _version() -> object:
    active = ProtectedFace.objects.filter(state=ProtectedFace.State.ACTIVE).count()
    return active, ProtectedFace.objects.aggregate(newest=Max("changed_at"))["newest"]


def _load() -> Shield:
    rows: dict[str, list[FloatArray]] = defaultdict(list)
    count = 0
    active = ProtectedFace.objects.filter(state=ProtectedFace.State.ACTIVE)
    for pk, embeddings in active.values_list("pk", "embeddings").iterator():
        count += 1
        if DLIB not in embeddings:
            # Everybody has one by dlib, which is always there: the net under the others.
            logger.error("protected face %s has no embedding: uploads wait for people", pk)
            raise ShieldBroken
        for network, sealed in embeddings.items():
            try:
                vector = vector_unseal(sealed)
            except CannotUnseal as error:
                logger.error("protected face %s cannot be read: uploads wait for people", pk)
                raise ShieldBroken from error
            if network in {ARCFACE, SFACE}:
                vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
            rows[network].append(vector)
    return Shield(count, {network: np.stack(vectors) for network, vectors in rows.items()})
