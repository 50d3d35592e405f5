"""Edits by StyleGAN, loaded; see :mod:`editing.engines.stylegan`.

The face is cut out in the FFHQ frame, its latent found by the encoder, and the generator run on
the latent and on the steps of the guard's grid, as one batch where the hardware gains by that. What
changes between the generator's faces is added to the photo (:mod:`editing.engines.residual`); the
photo itself is never resampled.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from editing.directions import Direction, load_directions
from editing.engines.base import (
    YEARS_AT_FULL,
    Box,
    EditEngine,
    EditRequest,
    EditStudy,
    Outlook,
)
from editing.engines.memory import ShortMemory
from editing.engines.residual import Scene, edit_delta, estimate_registration
from editing.engines.stylegan import AgeEstimator, option_schema
from editing.engines.stylegan_masks import face_mask, mouth_mask
from editing.engines.versions import Versions
from models.faces.analysis import FaceAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray
from models.geometry import alignment
from models.geometry import points as geometry
from models.networks.base import Session
from models.networks.stylegan import (
    ENCODER_SIZE,
    Encoder,
    Generator,
    open_export,
    open_preview,
)
from models.networks.stylegan_export import Export
from models.pixels import crop_masks, masks
from models.pixels.imaging import Image

_FEATHER: Final = 0.04
"""Of the photo's border, as a share of the crop."""
BATCH: Final = 8
"""The face before an edit, and the grid of strengths, at once."""
_STUDIED: Final = 6
_STUDIED_SECONDS: Final = 600.0
"""How many faces are remembered between previews, and for how long."""
_PREVIEW_EVALUATIONS: Final = 4
_CHECK_SECONDS: Final = 0.3
"""What a preview takes beside the generator."""


class Parser(Protocol):
    """Says what every pixel of a face is; see :class:`models.networks.parser.FaceParser`."""

    def parse(self, crop: Image) -> NDArray[np.uint8]:
        """Class numbers, uint8 (h, w), of an aligned crop, uint8 (S, S, 3) BGR."""
        ...


class StyleGanEngine(EditEngine):
    """See :class:`editing.engines.base.EditEngine`.

    Args:
        encoder, generator: the networks.
        directions: steps in W+ by key, for as many layers as the generator has.
        analyser: who judges identity; without one no edit is given out.
        parser: draws the mask where there is one; else the landmarks do.
        estimate_age: needed for edits to an age in years.
        preview_generator: `generator` stopped at fewer pixels, for quick looks.
        batch: faces that the generator makes at once. On a CPU several take as long as one after
            the other, and one at a time ends as soon as a version passes.

    Raises:
        ValueError: a direction does not fit the generator.
    """

    name = "stylegan"
    preview_evaluations = _PREVIEW_EVALUATIONS

    def __init__(
        self,
        encoder: Encoder,
        generator: Generator,
        directions: Mapping[str, Direction],
        analyser: FaceAnalyser | None,
        parser: Parser | None = None,
        estimate_age: AgeEstimator | None = None,
        preview_generator: Generator | None = None,
        batch: int = BATCH,
    ) -> None:
        self._encoder = encoder
        self._generator = generator
        self._small_generator = preview_generator or generator
        self._batch = batch
        self._studied = ShortMemory[_Inversion](_STUDIED, _STUDIED_SECONDS)
        self._analyser = analyser
        self._parser = parser
        self._estimate_age = estimate_age
        shape = (generator.layers, generator.width)
        for key, direction in directions.items():
            if direction.step.shape != shape:
                raise ValueError(f"direction {key} is of shape {direction.step.shape}, not {shape}")
        if self._small_generator.layers > generator.layers:
            raise ValueError("the generator for quick looks has more layers than the whole one")
        self._steps = {key: direction.step for key, direction in directions.items()}
        self.options = option_schema(
            [direction.card for direction in directions.values()],
            takes_years=estimate_age is not None,
        )

    @classmethod
    def open(
        cls,
        export: Path,
        direction_folders: Sequence[Path],
        get_session: Callable[[Path, str], Session],
        analyser: FaceAnalyser | None,
        parser: Parser | None = None,
        estimate_age: AgeEstimator | None = None,
        batch: int = BATCH,
    ) -> StyleGanEngine:
        """The engine of the graphs that ``python -m editing.export`` wrote to `export`.

        Args:
            export: folder of the graphs.
            direction_folders: where directions are; see
                :func:`editing.directions.load_directions`.
            get_session: makes the session of a file by its path and SHA-256.
            analyser, parser, estimate_age, batch: as for the class.

        Raises:
            ContractError: the export is missing or its graphs do not belong together.
            DirectionError: a direction's file or manifest is wrong.
        """
        graphs = Export.read(export)
        encoder, generator = open_export(graphs, get_session)
        small = open_preview(graphs, get_session)
        directions = load_directions(direction_folders, generator.layers, generator.width)
        return cls(encoder, generator, directions, analyser, parser, estimate_age, small, batch)

    @property
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person."""
        return self._analyser

    def study(self, photo: Image, face: Face, *, is_quick: bool = False) -> StyleGanStudy:
        """Opens a face; a quick study is encoded once for all previews of it.

        A quick study is made by the generator for quick looks, where there is one, and what was
        found is kept in this process's memory for some minutes, and nowhere else.
        """
        if not is_quick:
            return StyleGanStudy(self, photo, face, self._generator)
        study = StyleGanStudy(self, photo, face, self._small_generator, self._studied)
        study.remember()
        return study

    def outlook(self, photo: Image, face: Face) -> Outlook:
        """See :meth:`editing.engines.base.EditEngine.outlook`."""
        study = StyleGanStudy(self, photo, face, self._small_generator, self._studied)
        return Outlook(self.years(photo, face), study.remember() + _CHECK_SECONDS)

    def years(self, photo: Image, face: Face) -> float | None:
        """About how old `face` looks, or None where that cannot be told."""
        return None if self._estimate_age is None else self._estimate_age(photo, face)

    def warm_up(self) -> None:
        """Runs every network once."""
        grey = np.full((1, ENCODER_SIZE, ENCODER_SIZE, 3), 127, np.uint8)
        latents = self.encode(grey)
        self._generator.synthesise(latents)
        if self._small_generator is not self._generator:
            self._small_generator.synthesise(latents[:, : self._small_generator.layers])

    def encode(self, crops: Image) -> FloatArray:
        """W+ of crops of 256 px; see :meth:`models.networks.stylegan.Encoder.encode`."""
        return self._encoder.encode(crops)

    @property
    def batch(self) -> int:
        """Faces that are made at once."""
        return self._batch

    def step(self, request: EditRequest) -> FloatArray:
        """What `request` adds to W+, float32 (layers, width)."""
        total = np.zeros((self._generator.layers, self._generator.width), np.float32)
        for key, strength in request.strengths.items():
            if strength:
                total += np.float32(strength) * self._steps[key]
        return total

    def parse(self, crop: Image) -> NDArray[np.uint8] | None:
        """The parser's labels of a crop, or None without a parser."""
        return None if self._parser is None else self._parser.parse(crop)


@dataclass(frozen=True, eq=False)
class _Inversion:
    """A face as the generator knows it: W+, what versions share, and seconds a version takes."""

    latent: FloatArray
    scene: Scene
    seconds: float


class StyleGanStudy(EditStudy):
    """See :class:`editing.engines.base.EditStudy`.

    Args:
        generator: which of the engine's two.
        studied: where what versions share is looked for, and kept for the next edit of this face.
    """

    def __init__(
        self,
        engine: StyleGanEngine,
        photo: Image,
        face: Face,
        generator: Generator,
        studied: ShortMemory[_Inversion] | None = None,
    ) -> None:
        self._engine = engine
        self.photo = photo
        self.face = face
        self._generator = generator
        self._matrix = alignment.ffhq_matrix(face.kps, generator.size)
        self._studied = studied
        self._inversion: _Inversion | None = None
        self.timings_ms = {"encode": 0.0, "generate": 0.0, "compose": 0.0}

    def remember(self) -> float:
        """Finds what versions share, unless it is remembered; seconds that one version takes."""
        key = _fingerprint(self.photo, self.face, self._generator.size)
        known = None if self._studied is None else self._studied.get(key)
        if known is None:
            known, _ = self._inverted(self._encode()[None])
            if self._studied is not None:
                self._studied.keep(key, known)
        self._inversion = known
        return known.seconds

    def versions(self, requests: Sequence[EditRequest]) -> Sequence[Image]:
        """Versions of the photo; those of one batch are made together."""
        layers = self._generator.layers
        steps = np.stack([self._engine.step(request)[:layers] for request in requests])
        known, made = self._inversion, list[FloatArray]()
        if known is None:
            # The face before the edit shares the first batch: one run where the hardware gains.
            latent = self._encode()
            shared = steps[: self._engine.batch - 1]
            known, faces = self._inverted(np.concatenate([latent[None], latent + shared]))
            made.extend(faces)
            self._inversion = known

        def face(index: int) -> FloatArray:
            while index >= len(made):
                made.extend(self._generate(known.latent + steps[len(made) :][: self._engine.batch]))
            return made[index]

        return Versions(range(len(steps)), lambda index: self._composed(known.scene, face(index)))

    def resolved(self, request: EditRequest) -> EditRequest:
        """`request` with an age in years turned into a strength.

        Raises:
            FaceError: ``no_age_estimate``.
        """
        if request.target_age is None:
            return request
        years = self._engine.years(self.photo, self.face)
        if years is None:
            raise FaceError("no_age_estimate")
        strength = float(np.clip((request.target_age - years) / YEARS_AT_FULL, -1, 1))
        return replace(request, age=strength, target_age=None)

    def touched(self) -> Box:
        """The crop, as far as its mask shows."""
        if self._inversion is None:
            return (0, 0, 0, 0)
        mask = self._inversion.scene.mask
        return alignment.crop_bounds(self.photo.shape, mask, self._matrix)

    def _encode(self) -> FloatArray:
        """W+ of the face, as many rows as the generator takes."""
        matrix = alignment.resized(self._matrix, ENCODER_SIZE / self._generator.size)
        crop = alignment.cut_crop(self.photo, matrix, ENCODER_SIZE)
        started = time.perf_counter()
        latent = self._engine.encode(crop[None])[0]
        self._count("encode", started)
        return latent[: self._generator.layers]

    def _inverted(self, latents: FloatArray) -> tuple[_Inversion, FloatArray]:
        """The face, whose own latent is the first of `latents`, and the faces of the others."""
        before = self.timings_ms["generate"]
        faces = self._generate(latents)
        seconds = (self.timings_ms["generate"] - before) / 1000 / len(latents)
        return _Inversion(latents[0], self._scene(faces[0]), seconds), faces[1:]

    def _generate(self, latents: FloatArray) -> FloatArray:
        started = time.perf_counter()
        faces = self._generator.synthesise(latents)
        self._count("generate", started)
        return faces

    def _scene(self, base: FloatArray) -> Scene:
        started = time.perf_counter()
        size = self._generator.size
        crop = alignment.cut_crop(self.photo, self._matrix, size)
        landmarks = self.face.landmarks
        points = (
            None
            if landmarks is None
            else geometry.transform_points(landmarks, self._matrix.astype(np.float32))
        )
        height, width = self.photo.shape[:2]
        mask = crop_masks.combined(
            [
                face_mask(size, self._engine.parse(crop), points),
                crop_masks.box_mask(size),
                alignment.inside_mask((height, width), self._matrix, size, _FEATHER * size),
            ]
        )
        kps = geometry.transform_points(self.face.kps, self._matrix.astype(np.float32))
        mouth = mouth_mask(size, kps)
        skin = mask * (1 - mouth)
        if points is not None:
            skin *= 1 - masks.feature_mask(points, (size, size), 0.02 * size)
        picture = crop.astype(np.float32)
        registration = estimate_registration(picture, base, mask)
        self._count("compose", started)
        return Scene(picture, base, mask, mouth, skin, registration)

    def _composed(self, scene: Scene, edited: FloatArray) -> Image:
        started = time.perf_counter()
        image = alignment.add_delta(self.photo, edit_delta(scene, edited), self._matrix)
        self._count("compose", started)
        return image

    def _count(self, stage: str, started: float) -> None:
        self.timings_ms[stage] += (time.perf_counter() - started) * 1000


def _fingerprint(photo: Image, face: Face, size: int) -> bytes:
    """Tells a face in a photo, edited at `size` px, from every other."""
    digest = hashlib.blake2b(f"{photo.shape} {size}".encode())
    for part in (photo, face.kps, face.landmarks):
        if part is not None:
            digest.update(np.ascontiguousarray(part).data)
    return digest.digest()
