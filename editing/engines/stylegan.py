"""Edits by StyleGAN: a step in latent space, given to the photo as a difference.

The face is cut out in the FFHQ frame, its latent found by the encoder, and the generator run once
on the latent and on all steps of the guard's grid. What changes between the generator's faces is
added to the photo (:mod:`editing.engines.residual`); the photo itself is never resampled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from editing.directions import Direction, load_directions
from editing.engines.base import Box, EditRequest, EditResult, Progress, Slider
from editing.engines.guarded import guarded_edit
from editing.engines.residual import Scene, edit_delta, estimate_registration
from editing.engines.versions import Versions
from editing.guard import THRESHOLD
from models import alignment, crop_masks, geometry, masks
from models.analysis import FaceAnalyser
from models.errors import FaceError
from models.face import Face, FloatArray
from models.imaging import Image
from models.networks.base import Session
from models.networks.stylegan import ENCODER_SIZE, Encoder, Export, Generator

YEARS_AT_FULL: Final = 30.0
"""Years that strength 1 of the age direction stands for. Nominal: faces differ."""

_FEATHER: Final = 0.04
"""Of the photo's border, as a share of the crop."""
_ELLIPSE: Final = (0.5, 0.56, 0.27, 0.33)
"""Centre and radii of a face in the FFHQ frame, as shares of the crop: for want of landmarks."""
_MOUTH_REACH: Final = 0.35
"""How far round the mouth a smile may open it, as a share of the mouth's width."""
_DEFAULT_STEPS: Final = ("smile", "age")

AgeEstimator = Callable[[Image, Face], float | None]
"""Years a face looks like in uint8 (H, W, 3) BGR, or None where that cannot be told."""


class Parser(Protocol):
    """Says what every pixel of a face is; see :class:`models.networks.parser.FaceParser`."""

    def parse(self, crop: Image) -> NDArray[np.uint8]:
        """Class numbers, uint8 (h, w), of an aligned crop, uint8 (S, S, 3) BGR."""
        ...


class StyleGanEngine:
    """See :class:`editing.engines.base.EditEngine`.

    Args:
        encoder, generator: the networks.
        directions: steps in W+ by key, for as many layers as the generator has.
        analyser: who judges identity; without one no edit is given out.
        parser: draws the mask where there is one; else the landmarks do.
        estimate_age: needed for edits to an age in years.

    Raises:
        ValueError: a direction does not fit the generator.
    """

    name = "stylegan"
    label = "StyleGAN"

    def __init__(
        self,
        encoder: Encoder,
        generator: Generator,
        directions: Mapping[str, Direction],
        analyser: FaceAnalyser | None,
        parser: Parser | None = None,
        estimate_age: AgeEstimator | None = None,
    ) -> None:
        self._encoder = encoder
        self._generator = generator
        self._analyser = analyser
        self._parser = parser
        self._estimate_age = estimate_age
        shape = (generator.layers, generator.width)
        for key, direction in directions.items():
            if direction.step.shape != shape:
                raise ValueError(f"direction {key} is of shape {direction.step.shape}, not {shape}")
        self._steps = {key: direction.step for key, direction in directions.items()}
        self._sliders = sliders_of(directions)

    @classmethod
    def open(
        cls,
        export: Path,
        direction_folders: Sequence[Path],
        get_session: Callable[[Path, str], Session],
        analyser: FaceAnalyser | None,
        parser: Parser | None = None,
        estimate_age: AgeEstimator | None = None,
    ) -> StyleGanEngine:
        """The engine of the graphs that ``python -m editing.export`` wrote to `export`.

        Args:
            export: folder of the graphs.
            direction_folders: where directions are; see
                :func:`editing.directions.load_directions`.
            get_session: makes the session of a file by its path and SHA-256.
            analyser, parser, estimate_age: as for the class.

        Raises:
            ContractError: the export is missing or its graphs do not belong together.
            DirectionError: a direction's file or manifest is wrong.
        """
        encoder, generator = Export.read(export).open(get_session)
        directions = load_directions(direction_folders, generator.layers, generator.width)
        return cls(encoder, generator, directions, analyser, parser, estimate_age)

    @property
    def analyser(self) -> FaceAnalyser | None:
        """Who says whether the result is the same person."""
        return self._analyser

    @property
    def sliders(self) -> tuple[Slider, ...]:
        """Smile and age where their directions are installed, then the operator's own."""
        return self._sliders

    def run(
        self,
        photo: Image,
        face: Face,
        request: EditRequest,
        threshold: float = THRESHOLD,
        progress: Progress | None = None,
    ) -> EditResult:
        """Edits `face` in `photo`; see :meth:`editing.engines.base.EditEngine.run`.

        Beside ``edit``, ``check`` and ``total``, ``timings_ms`` has ``encode``, ``generate`` (both
        inference alone) and ``compose``.

        Raises:
            FaceError: an edit that is not offered, or an age in years that cannot be estimated.
        """
        request = self._with_age_as_strength(photo, face, request)
        offered = {slider.key for slider in self._sliders}
        for key, strength in request.strengths.items():
            if strength and key not in offered:
                raise FaceError(
                    "edit_not_offered",
                    f"There is no edit called {key} here.",
                    "Choose one of the sliders on the page.",
                )
        if progress is not None:
            progress("prepare", 0.0)
        session = _Editing(self, photo, face)
        result = guarded_edit(
            session.render,
            photo=photo,
            face=face,
            request=request,
            analyser=self._analyser,
            threshold=threshold,
            touched=session.touched,
            progress=progress,
        )
        return replace(result, timings_ms={**session.timings_ms, **result.timings_ms})

    def render(self, photo: Image, face: Face, requests: Sequence[EditRequest]) -> list[Image]:
        """Versions of `photo` that nobody has judged, for measuring; never for giving out.

        Args:
            photo: uint8 (H, W, 3) BGR; not changed.
            face: the face to edit.
            requests: with the age as a strength.
        """
        return list(_Editing(self, photo, face).render(requests))

    def warm_up(self) -> None:
        """Runs both networks once."""
        grey = np.full((1, ENCODER_SIZE, ENCODER_SIZE, 3), 127, np.uint8)
        self._generator.synthesise(self.encode(grey))

    def encode(self, crops: Image) -> FloatArray:
        """W+ of crops of 256 px; see :meth:`models.networks.stylegan.Encoder.encode`."""
        return self._encoder.encode(crops)

    def synthesise(self, latents: FloatArray) -> FloatArray:
        """The generator's faces; see :meth:`models.networks.stylegan.Generator.synthesise`."""
        return self._generator.synthesise(latents)

    @property
    def size(self) -> int:
        """Side of the generator's faces in pixels."""
        return self._generator.size

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

    def _with_age_as_strength(self, photo: Image, face: Face, request: EditRequest) -> EditRequest:
        if request.target_age is None:
            return request
        years = self._estimate_age(photo, face) if self._estimate_age is not None else None
        if years is None:
            raise FaceError(
                "no_age_estimate",
                "The age of this face cannot be estimated here.",
                "Ask for younger or older instead of a number of years.",
            )
        strength = float(np.clip((request.target_age - years) / YEARS_AT_FULL, -1, 1))
        return replace(request, age=strength, target_age=None)


@dataclass(frozen=True, eq=False)
class _Inversion:
    latent: FloatArray
    scene: Scene


class _Editing:
    """One face while it is edited: what its versions share is found once, at the first need."""

    def __init__(self, engine: StyleGanEngine, photo: Image, face: Face) -> None:
        self._engine = engine
        self._photo = photo
        self._face = face
        self._matrix = alignment.ffhq_matrix(face.kps, engine.size)
        self._inversion: _Inversion | None = None
        self.timings_ms = {"encode": 0.0, "generate": 0.0, "compose": 0.0}

    def render(self, requests: Sequence[EditRequest]) -> Sequence[Image]:
        steps = np.stack([self._engine.step(request) for request in requests])
        known = self._inversion
        if known is None:
            latent = self._encode()
            faces = self._generate(np.concatenate([latent[None], latent + steps]))
            known = self._inversion = _Inversion(latent, self._scene(faces[0]))
            faces = faces[1:]
        else:
            faces = self._generate(known.latent + steps)
        return Versions(faces, lambda edited: self._composed(known.scene, edited))

    def touched(self) -> Box:
        if self._inversion is None:
            return (0, 0, 0, 0)
        mask = self._inversion.scene.mask
        return alignment.crop_bounds(self._photo.shape, mask, self._matrix)

    def _encode(self) -> FloatArray:
        matrix = alignment.resized(self._matrix, ENCODER_SIZE / self._engine.size)
        crop = alignment.cut_crop(self._photo, matrix, ENCODER_SIZE)
        started = time.perf_counter()
        latent = self._engine.encode(crop[None])[0]
        self._count("encode", started)
        return latent

    def _generate(self, latents: FloatArray) -> FloatArray:
        started = time.perf_counter()
        faces = self._engine.synthesise(latents)
        self._count("generate", started)
        return faces

    def _scene(self, base: FloatArray) -> Scene:
        started = time.perf_counter()
        size = self._engine.size
        crop = alignment.cut_crop(self._photo, self._matrix, size)
        landmarks = self._face.landmarks
        points = (
            None
            if landmarks is None
            else geometry.transform_points(landmarks, self._matrix.astype(np.float32))
        )
        height, width = self._photo.shape[:2]
        mask = crop_masks.combined(
            [
                face_mask(size, self._engine.parse(crop), points),
                crop_masks.box_mask(size),
                alignment.inside_mask((height, width), self._matrix, size, _FEATHER * size),
            ]
        )
        kps = geometry.transform_points(self._face.kps, self._matrix.astype(np.float32))
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
        image = alignment.add_delta(self._photo, edit_delta(scene, edited), self._matrix)
        self._count("compose", started)
        return image

    def _count(self, stage: str, started: float) -> None:
        self.timings_ms[stage] += (time.perf_counter() - started) * 1000


def face_mask(
    size: int, labels: NDArray[np.uint8] | None, landmarks: FloatArray | None
) -> FloatArray:
    """Where a face may change, float32 (size, size) from 0 to 1.

    Args:
        size: side of the crop in pixels.
        labels: the parser's class numbers, uint8 (h, w), if there is a parser.
        landmarks: (68, 2) in crop pixels, if the face has any; used without `labels`.
    """
    if labels is not None:
        return crop_masks.region_mask(labels, crop_masks.FACE_REGIONS, size)
    if landmarks is not None:
        return crop_masks.hull_mask(landmarks, size)
    x, y, across, down = _ELLIPSE
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size)
    radius = np.hypot((columns - x) / across, (rows - y) / down).astype(np.float32)
    return masks.smoothstep(radius, 1.0, 0.8)


def mouth_mask(size: int, kps: FloatArray) -> FloatArray:
    """An ellipse round the mouth, as far as a smile opens it, float32 (size, size) from 0 to 1.

    Args:
        size: side of the crop in pixels.
        kps: (5, 2) in crop pixels, the mouth corners last.
    """
    left, right = kps[3], kps[4]
    centre, half = (left + right) / 2, float(np.linalg.norm(right - left)) / 2
    along = (right - left) / max(2 * half, 1e-6)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    offset = np.stack([columns, rows], axis=2) - centre
    u = offset @ along
    v = offset @ np.array([-along[1], along[0]], np.float32)
    across, down = half * (1 + _MOUTH_REACH), half * (0.5 + _MOUTH_REACH)
    radius = np.hypot(u / max(across, 1e-6), v / max(down, 1e-6)).astype(np.float32)
    return masks.smoothstep(radius, 1.0, 0.7)


def sliders_of(directions: Mapping[str, Direction]) -> tuple[Slider, ...]:
    """What people can ask for, smile and age first."""
    shown = [key for key in directions if directions[key].card.slider]
    shown.sort(key=lambda key: _DEFAULT_STEPS.index(key) if key in _DEFAULT_STEPS else 2)
    return tuple(Slider(key, directions[key].card.label) for key in shown)
