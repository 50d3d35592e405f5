"""The neural engine: a swapper network draws the face, the rest keeps the photo whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from models.faces.analysis import FaceAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray, Pose, Quality
from models.faces.identity import is_judgeable
from models.faces.same_person import PersonThresholds, source_weight, whose_face
from models.geometry.crops import Matrix, crop_face, crop_matrix, join_tiles, split_tiles
from models.geometry.points import transform_points
from models.networks.enhancer import FaceEnhancer
from models.networks.identity_space import IdentitySpace, average_embedding, interpolate
from models.networks.occluder import Occluder
from models.networks.parser import FaceParser
from models.networks.swapper import FaceSwapper
from models.pixels import crop_masks
from models.pixels.crop_colour import matched_colour
from models.pixels.crop_masks import MaskKind
from models.pixels.imaging import Image
from models.pixels.paste import Box, paste_back, paste_back_like_insightface
from swaps.engines.former import (
    FaceOutcome,
    FaceSwap,
    ModelUsed,
    Progress,
    SwapOptions,
    SwapResult,
    SwapWarning,
)
from swaps.engines.neural_checks import (
    SMALL_SOURCE_PX,
    check_pair,
    left_out_warnings,
    outline_warnings,
)
from swaps.engines.neural_options import NeuralFaceSwap, NeuralOptions, as_neural

FACES_COMPARED: Final = 12
"""Of a further photo that shows a crowd, so many of the largest are compared."""

_FRONTAL: Final = Pose(yaw=0.0, pitch=0.0, roll=0.0)
_LARGE: Final = Quality(width_px=2 * SMALL_SOURCE_PX, sharpness=0.0)


@dataclass(frozen=True, eq=False)
class Networks:
    """What the engine runs.

    Attributes:
        swapper: draws the face.
        space: the swapper's identity space; not used by one that takes a source crop.
        parser: opens what labels regions; None where its weights are missing.
        occluder: opens what sees the face behind things; None where its weights are missing.
        enhancer: opens what restores detail; None where its weights are missing.
        models: those that take part in every swap, by name and digest.
        optional_models: the parser's, occluder's and enhancer's, by the mask they make or
            ``enhancer``.
    """

    swapper: FaceSwapper
    space: IdentitySpace
    parser: Callable[[], FaceParser] | None = None
    occluder: Callable[[], Occluder] | None = None
    enhancer: Callable[[], FaceEnhancer] | None = None
    models: tuple[ModelUsed, ...] = ()
    optional_models: Mapping[str, ModelUsed] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Identity:
    """Whose face goes in.

    Attributes:
        embedding: float32 (D,), raw.
        left_out: the further photos that show somebody else, by number.
    """

    embedding: FloatArray
    left_out: tuple[int, ...] = ()


@dataclass(eq=False)
class _Work:
    """One face on its way through the engine."""

    swap: FaceSwap
    matrix: Matrix
    crop: Image
    source: FloatArray | Image
    identity: _Identity
    target_embedding: FloatArray | None


@dataclass
class _Clock:
    """Milliseconds per stage."""

    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        spent = 1000 * (time.perf_counter() - started)
        self.timings[name] = round(self.timings.get(name, 0.0) + spent, 2)


class NeuralEngine:
    """Swaps by network; see :class:`swaps.engines.former.SwapEngine`.

    All crops and tiles of a photo go through the swapper in as few runs as it takes. The photo is
    copied once; after that only the rectangles round the faces are read or written.
    """

    name = "neural"
    label = "Neural engine"

    def __init__(
        self,
        analyser: FaceAnalyser,
        networks: Networks,
        same_person: PersonThresholds | None = None,
    ) -> None:
        self.analyser = analyser
        self.networks = networks
        self.same_person = same_person or PersonThresholds()

    @staticmethod
    def check(target_face: Face, source_face: Face) -> list[SwapWarning]:
        """Judges a pair of faces by their stored data alone.

        Raises:
            FaceError: ``face_too_small`` or ``source_too_small``.
        """
        return check_pair(target_face, source_face)

    def run(
        self,
        target: Image,
        swaps: Sequence[FaceSwap],
        options: SwapOptions | None = None,
        progress: Progress | None = None,
    ) -> SwapResult:
        """Swaps every face asked for in `target`, uint8 (H, W, 3) BGR.

        The target is not changed, unless the options say ``in_place``.

        Raises:
            FaceError: no face was asked for, :meth:`check` refuses a pair, or an option needs
                a network that is not installed.
        """
        if not swaps:
            raise FaceError("no_face", "No face was chosen.", "Choose a face to replace.")
        neural = as_neural(options)
        self._refuse_missing(neural)
        warnings = [
            self.check(swap.target_face, swap.source_face) + outline_warnings(swap, neural)
            for swap in swaps
        ]
        report = progress or _ignore
        clock = _Clock()
        started = time.perf_counter()

        report("prepare", 0.0)
        with clock.stage("prepare"):
            work = self._prepare(target, swaps, neural)
        report("swap", 0.0)
        with clock.stage("swap"):
            drawn = self._draw(work, neural, report)
        image = target if neural.in_place else target.copy()
        touched = []
        for item, face in zip(work, drawn, strict=True):
            with clock.stage("paste"):
                box = self._paste(image, item, face, neural)
            with clock.stage("enhance"):
                box = _around(box, self._enhance(image, item.swap.target_face, neural))
            touched.append(box)
        report("measure", 0.0)
        with clock.stage("measure"):
            outcomes = tuple(
                self._outcome(image, item, tuple(found), measure=neural.measure)
                for item, found in zip(work, warnings, strict=True)
            )
        report("measure", 1.0)
        clock.timings["total"] = round(1000 * (time.perf_counter() - started), 2)
        return SwapResult(
            image=image,
            outcomes=outcomes,
            timings_ms=clock.timings,
            touched=tuple(touched),
            models=self._models_used(neural),
        )

    def _models_used(self, options: NeuralOptions) -> tuple[ModelUsed, ...]:
        used = {*self._mask_kinds(options), *(["enhancer"] if options.enhance else [])}
        optional = self.networks.optional_models
        return self.networks.models + tuple(optional[name] for name in optional if name in used)

    def warm_up(self) -> None:
        """Runs the swapper and the analyser once, so that the first job finds them ready."""
        size = self.networks.swapper.contract.size
        blank = np.zeros((size, size, 3), np.uint8)
        face = Face(
            box=np.array([0, 0, size, size], np.float32),
            kps=(self.networks.swapper.contract.template * size).astype(np.float32),
            landmarks=None,
            score=0.0,
            pose=_FRONTAL,
            quality=_LARGE,
        )
        self.analyser.find_faces(blank)
        self.run(blank, [FaceSwap(face, blank, face)])

    def _refuse_missing(self, options: NeuralOptions) -> None:
        networks = self.networks
        contract = networks.swapper.contract
        wanted = options.masks or frozenset()
        missing = [
            word
            for word, needed, network in (
                ("the face parser", "regions" in wanted, networks.parser),
                ("the occlusion mask", "occlusion" in wanted, networks.occluder),
                ("the enhancer", options.enhance > 0, networks.enhancer),
            )
            if needed and network is None
        ]
        if missing:
            raise FaceError(
                "model_missing",
                f"This needs {' and '.join(missing)}, which is not installed here.",
                "Switch the option off, or ask whoever runs this site to install the model.",
            )
        if options.boost_px not in {None, *contract.boosts}:
            raise FaceError(
                "boost_unknown",
                f"This engine draws faces of {_listed(contract.boosts)} pixels.",
                "Choose one of these sizes.",
            )
        if options.strength < 1 and contract.source_crop is not None:
            raise FaceError(
                "strength_fixed",
                "This swapper copies a photo, so the strength cannot be set.",
                "Use full strength, or another swapper.",
            )

    def _prepare(
        self, target: Image, swaps: Sequence[FaceSwap], options: NeuralOptions
    ) -> list[_Work]:
        contract = self.networks.swapper.contract
        side = options.boost_px or contract.size
        known: dict[tuple[int, ...], _Identity] = {}
        work = []
        for swap in swaps:
            matrix = crop_matrix(swap.target_face.kps, contract.template, side)
            if options.paste == "insightface":
                crop = _plain_crop(target, matrix, side)
            else:
                crop = crop_face(target, matrix, side)
            more = swap.more_sources if isinstance(swap, NeuralFaceSwap) else ()
            key = (id(swap.source_image), id(swap.source_face), *(id(photo) for photo, _ in more))
            if key not in known:
                known[key] = self._identity(swap, more)
            before = None
            if options.strength < 1 or options.measure:
                before = self.analyser.embed(target, swap.target_face)
            source = self._source(swap, known[key].embedding, before, options.strength)
            work.append(_Work(swap, matrix, crop, source, known[key], before))
        return work

    def _identity(
        self, swap: FaceSwap, more: Sequence[tuple[Image, tuple[Face, ...]]]
    ) -> _Identity:
        """One identity from the source and those of the further photos that show the same person.

        Faces without their embeddings come in, and none leaves with one: it is biometric data.
        """
        first = self._recognised(swap.source_image, swap.source_face)
        used, left_out = [first], []
        for number, (image, faces) in enumerate(more):
            seen = [self._recognised(image, face) for face in faces[:FACES_COMPARED]]
            same = whose_face(first, seen, self.same_person)
            if same is None:
                left_out.append(number)
            else:
                used.append(same)
        average = average_embedding(
            [face.embedding for face in used if face.embedding is not None],
            [source_weight(face) for face in used],
        )
        return _Identity(average, tuple(left_out))

    def _recognised(self, image: Image, face: Face) -> Face:
        return replace(face, embedding=self.analyser.embed(image, face))

    def _source(
        self,
        swap: FaceSwap,
        source: FloatArray,
        target: FloatArray | None,
        strength: float,
    ) -> FloatArray | Image:
        """What the swapper is told: a vector (D,), or a crop (s, s, 3)."""
        wanted = self.networks.swapper.contract.source_crop
        if wanted is not None:
            size = wanted.image.size
            matrix = crop_matrix(swap.source_face.kps, wanted.template, size)
            return crop_face(swap.source_image, matrix, size)
        vector = self.networks.space.encode(source[None])
        if strength < 1 and target is not None:
            vector = interpolate(vector, self.networks.space.encode(target[None]), strength)
        return vector[0]

    def _draw(self, work: Sequence[_Work], options: NeuralOptions, report: Progress) -> Image:
        """The swapped crops, uint8 (N, side, side, 3) BGR."""
        swapper = self.networks.swapper
        size = swapper.contract.size
        crops = np.stack([item.crop for item in work])
        times = crops.shape[1] // size
        tiles = split_tiles(crops, size)
        sources = np.repeat(np.stack([item.source for item in work]), times * times, axis=0)
        drawn = swapper.swap(
            tiles,
            sources,
            lambda fraction: report("swap", fraction),
            truncate=options.paste == "insightface",
        )
        return join_tiles(drawn, times)

    def _paste(self, image: Image, item: _Work, drawn: Image, options: NeuralOptions) -> Box:
        if options.paste == "insightface":
            return paste_back_like_insightface(image, drawn, item.matrix)
        mask = self._mask(item, drawn, options)
        if options.match_colour:
            # Hair and background say nothing about the skin.
            sample = mask * crop_masks.oval_mask(mask.shape[0])
            drawn = matched_colour(drawn, item.crop, sample)
        return paste_back(image, drawn, mask, item.matrix)

    def _mask(self, item: _Work, drawn: Image, options: NeuralOptions) -> FloatArray:
        size = drawn.shape[0]
        kinds = self._mask_kinds(options)
        parts = [crop_masks.box_mask(size)]
        landmarks = item.swap.target_face.landmarks
        if "hull" in kinds and landmarks is not None:
            points = transform_points(landmarks, item.matrix.astype(np.float32))
            parts.append(crop_masks.hull_mask(points, size))
        if "occlusion" in kinds and self.networks.occluder is not None:
            # What hides the face is still there only in the photo itself.
            visible = self.networks.occluder().visible(item.crop)
            parts.append(crop_masks.visible_mask(visible, size))
        if "regions" in kinds and self.networks.parser is not None:
            labels = self.networks.parser().parse(drawn)
            parts.append(crop_masks.region_mask(labels, options.regions, size))
        return crop_masks.combined(parts)

    def _mask_kinds(self, options: NeuralOptions) -> frozenset[MaskKind]:
        if options.masks is not None:
            return options.masks
        return frozenset({"box"} if self.networks.occluder is None else {"box", "occlusion"})

    def _enhance(self, image: Image, face: Face, options: NeuralOptions) -> Box | None:
        if self.networks.enhancer is None or options.enhance == 0:
            return None
        enhancer = self.networks.enhancer()
        matrix = crop_matrix(face.kps, enhancer.template, enhancer.size)
        crop = crop_face(image, matrix, enhancer.size)
        parts = [crop_masks.box_mask(enhancer.size)]
        if "occlusion" in self._mask_kinds(options) and self.networks.occluder is not None:
            visible = self.networks.occluder().visible(crop)
            parts.append(crop_masks.visible_mask(visible, enhancer.size))
        mask = crop_masks.combined(parts) * np.float32(options.enhance)
        return paste_back(image, enhancer.enhance(crop), mask, matrix)

    def _outcome(
        self,
        after: Image,
        item: _Work,
        warnings: tuple[SwapWarning, ...],
        *,
        measure: bool,
    ) -> FaceOutcome:
        face = item.swap.target_face
        to_source = to_target = None
        source, target = item.identity.embedding, item.target_embedding
        if measure and is_judgeable(face) and target is not None:
            result = self.analyser.embed(after, face)
            to_source = self.analyser.similarity(result, source)
            to_target = self.analyser.similarity(result, target)
        left_out = item.identity.left_out
        return FaceOutcome(
            face, to_source, to_target, (*warnings, *left_out_warnings(left_out)), left_out
        )


def _plain_crop(image: Image, matrix: Matrix, size: int) -> Image:
    """insightface's crop: one bilinear warp, black outside."""
    return cv2.warpAffine(image, matrix, (size, size), borderValue=0.0).astype(np.uint8, copy=False)


def _around(box: Box, other: Box | None) -> Box:
    """The rectangle round two, either of which may be empty."""
    boxes = [b for b in (box, other) if b is not None and b[2] > b[0] and b[3] > b[1]]
    if not boxes:
        return box
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


def _listed(numbers: Sequence[int]) -> str:
    *first, last = (str(number) for number in numbers)
    return f"{', '.join(first)} or {last}" if first else last


def _ignore(stage: str, fraction: float) -> None:
    """Nobody watches."""
