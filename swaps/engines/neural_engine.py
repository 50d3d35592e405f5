"""The neural engine, loaded; see :mod:`swaps.engines.neural`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from models.engines import Notice
from models.faces.analysis import FaceAnalyser
from models.faces.best_source import source_weight
from models.faces.errors import FaceError
from models.faces.face import Face, FloatArray, Pose, Quality
from models.faces.identity import is_judgeable
from models.faces.same_person import PersonThresholds, whose_face
from models.geometry.crops import Matrix, crop_face, crop_matrix, join_tiles, split_tiles
from models.geometry.points import transform_points
from models.networks.enhancer import FaceEnhancer
from models.networks.identity_space import IdentitySpace, average_embedding, interpolate
from models.networks.occluder import Occluder
from models.networks.parser import FaceParser
from models.networks.swapper import FaceSwapper
from models.options import OptionSchema, Values
from models.pixels import crop_masks
from models.pixels.crop_colour import matched_colour
from models.pixels.crop_masks import MaskKind
from models.pixels.imaging import Image
from models.pixels.paste import Box, paste_back, paste_back_like_insightface
from swaps.engines.base import (
    FaceOutcome,
    ModelUsed,
    Progress,
    Source,
    SwapEngine,
    SwapResult,
    SwapSession,
    Target,
    refuse,
)
from swaps.engines.clock import Clock
from swaps.engines.neural import SMALL_SOURCE_PX, check_pair
from swaps.engines.neural_options import NeuralOptions

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
        source: the face as it was asked for.
        embedding: float32 (D,), raw.
        told: what the swapper is told at full strength: a vector (D,), or a crop (s, s, 3).
        left_out: the further photos that show somebody else, by number.
    """

    source: Source
    embedding: FloatArray
    told: FloatArray | Image
    left_out: tuple[int, ...] = ()


@dataclass(eq=False)
class _Work:
    """One face on its way through the engine."""

    face: Face
    matrix: Matrix
    crop: Image
    told: FloatArray | Image
    identity: _Identity
    target_embedding: FloatArray | None
    notices: list[Notice]


class NeuralEngine(SwapEngine):
    """Swaps by network; see :class:`swaps.engines.base.SwapEngine`.

    All crops and tiles of a frame go through the swapper in as few runs as it takes. The frame is
    copied once; after that only the rectangles round the faces are read or written.

    Args:
        analyser: finds and recognises faces.
        networks: what the engine runs.
        same_person: when several photos count as one person's.
        schema: what it can be told; None where nobody but a caller of :meth:`open` tells it.
    """

    name = "neural"

    def __init__(
        self,
        analyser: FaceAnalyser,
        networks: Networks,
        same_person: PersonThresholds | None = None,
        schema: OptionSchema | None = None,
    ) -> None:
        self.analyser = analyser
        self.networks = networks
        self.same_person = same_person or PersonThresholds()
        self.schema = schema or OptionSchema()

    def prepare(self, sources: Sequence[Source], options: Values | None = None) -> NeuralSession:
        """Works out whose faces go in; the networks for masks are opened when first needed.

        Raises:
            Refusal: an option is not offered or has no such value.
        """
        values = self.schema.check(options or {})
        return self.open(sources, NeuralOptions.from_values(values))

    def open(self, sources: Sequence[Source], options: NeuralOptions) -> NeuralSession:
        """The same, told in the engine's own terms.

        Raises:
            FaceError: an option needs a network that is not installed.
        """
        _refuse_missing(self.networks, options)
        known: dict[tuple[int, ...], _Identity] = {}
        identities = []
        for source in sources:
            key = (id(source.image), id(source.face), *(id(photo) for photo, _ in source.more))
            if key not in known:
                known[key] = self._identity(source)
            identities.append(known[key])
        return NeuralSession(self, identities, options)

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
        self.open([Source(blank, face)], NeuralOptions()).apply(blank, [Target(face)])

    def _identity(self, source: Source) -> _Identity:
        """One identity from the source and those of the further photos that show the same person.

        Faces without their embeddings come in, and none leaves with one: it is biometric data.
        """
        first = self._recognised(source.image, source.face)
        used, left_out = [first], []
        for number, (image, faces) in enumerate(source.more):
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
        return _Identity(source, average, self._told(source, average), tuple(left_out))

    def _recognised(self, image: Image, face: Face) -> Face:
        return replace(face, embedding=self.analyser.embed(image, face))

    def _told(self, source: Source, embedding: FloatArray) -> FloatArray | Image:
        wanted = self.networks.swapper.contract.source_crop
        if wanted is not None:
            size = wanted.image.size
            matrix = crop_matrix(source.face.kps, wanted.template, size)
            return crop_face(source.image, matrix, size)
        return self.networks.space.encode(embedding[None])[0]


class NeuralSession(SwapSession):
    """See :class:`swaps.engines.base.SwapSession`."""

    def __init__(
        self, engine: NeuralEngine, identities: Sequence[_Identity], options: NeuralOptions
    ) -> None:
        self.networks = engine.networks
        self.analyser = engine.analyser
        self.options = options
        self._identities = tuple(identities)

    def apply(
        self,
        frame: Image,
        targets: Sequence[Target],
        progress: Progress | None = None,
        *,
        measure: bool = True,
    ) -> SwapResult:
        """See :meth:`swaps.engines.base.SwapSession.apply`.

        The frame is not changed, unless the options say ``in_place``.

        Raises:
            FaceError: ``face_too_small`` or ``source_too_small``.
        """
        report = progress or _ignore
        clock = Clock()
        notices = [
            refuse(check_pair(target.face, self._identities[target.source].source.face))
            + self._outline_notices(target.face)
            for target in targets
        ]
        report("prepare", 0.0)
        with clock.stage("prepare"):
            work = [
                self._work(frame, target, noted, measure=measure)
                for target, noted in zip(targets, notices, strict=True)
            ]
        report("swap", 0.0)
        with clock.stage("swap"):
            drawn: Sequence[Image] = list(self._draw(work, report)) if work else []
        image = frame if self.options.in_place else frame.copy()
        touched = []
        for item, face in zip(work, drawn, strict=True):
            with clock.stage("paste"):
                box = self._paste(image, item, face)
            with clock.stage("enhance"):
                box = _around(box, self._enhance(image, item.face))
            touched.append(box)
        report("measure", 0.0)
        with clock.stage("measure"):
            outcomes = tuple(self._outcome(image, item, measure=measure) for item in work)
        report("measure", 1.0)
        return SwapResult(
            image=image,
            outcomes=outcomes,
            timings_ms=clock.timings_ms(),
            touched=tuple(touched),
            models=self._models_used(),
        )

    def _models_used(self) -> tuple[ModelUsed, ...]:
        used = {*self._mask_kinds, *(["enhancer"] if self.options.enhance else [])}
        optional = self.networks.optional_models
        return self.networks.models + tuple(optional[name] for name in optional if name in used)

    def _outline_notices(self, face: Face) -> list[Notice]:
        """Where the outline is wanted of a face that has none."""
        if "hull" not in self._mask_kinds or face.landmarks is not None:
            return []
        return [Notice("no_outline")]

    def _work(self, frame: Image, target: Target, notices: list[Notice], *, measure: bool) -> _Work:
        contract = self.networks.swapper.contract
        side = self.options.boost_px or contract.size
        identity = self._identities[target.source]
        matrix = crop_matrix(target.face.kps, contract.template, side)
        cut = _plain_crop if self.options.paste == "insightface" else crop_face
        strength, before = self.options.strength, None
        if strength < 1 or measure:
            before = self.analyser.embed(frame, target.face)
        told = identity.told
        if strength < 1 and before is not None:
            space = self.networks.space
            wanted, own = (space.encode(one[None]) for one in (identity.embedding, before))
            told = interpolate(wanted, own, strength)[0]
        return _Work(target.face, matrix, cut(frame, matrix, side), told, identity, before, notices)

    def _draw(self, work: Sequence[_Work], report: Progress) -> Image:
        """The swapped crops, uint8 (N, side, side, 3) BGR."""
        swapper = self.networks.swapper
        size = swapper.contract.size
        crops = np.stack([item.crop for item in work])
        times = crops.shape[1] // size
        tiles = split_tiles(crops, size)
        sources = np.repeat(np.stack([item.told for item in work]), times * times, axis=0)
        drawn = swapper.swap(
            tiles,
            sources,
            lambda fraction: report("swap", fraction),
            truncate=self.options.paste == "insightface",
        )
        return join_tiles(drawn, times)

    def _paste(self, image: Image, item: _Work, drawn: Image) -> Box:
        if self.options.paste == "insightface":
            return paste_back_like_insightface(image, drawn, item.matrix)
        mask = self._mask(item, drawn)
        if self.options.match_colour:
            # Hair and background say nothing about the skin.
            sample = mask * crop_masks.oval_mask(mask.shape[0])
            drawn = matched_colour(drawn, item.crop, sample)
        return paste_back(image, drawn, mask, item.matrix)

    def _mask(self, item: _Work, drawn: Image) -> FloatArray:
        size = drawn.shape[0]
        kinds = self._mask_kinds
        parts = [crop_masks.box_mask(size)]
        landmarks = item.face.landmarks
        if "hull" in kinds and landmarks is not None:
            points = transform_points(landmarks, item.matrix.astype(np.float32))
            parts.append(crop_masks.hull_mask(points, size))
        if "occlusion" in kinds and self.networks.occluder is not None:
            # What hides the face is still there only in the photo itself.
            visible = self.networks.occluder().visible(item.crop)
            parts.append(crop_masks.visible_mask(visible, size))
        if "regions" in kinds and self.networks.parser is not None:
            labels = self.networks.parser().parse(drawn)
            parts.append(crop_masks.region_mask(labels, self.options.regions, size))
        return crop_masks.combined(parts)

    @property
    def _mask_kinds(self) -> frozenset[MaskKind]:
        if self.options.masks is not None:
            return self.options.masks
        return frozenset({"box"} if self.networks.occluder is None else {"box", "occlusion"})

    def _enhance(self, image: Image, face: Face) -> Box | None:
        if self.networks.enhancer is None or self.options.enhance == 0:
            return None
        enhancer = self.networks.enhancer()
        matrix = crop_matrix(face.kps, enhancer.template, enhancer.size)
        crop = crop_face(image, matrix, enhancer.size)
        parts = [crop_masks.box_mask(enhancer.size)]
        if "occlusion" in self._mask_kinds and self.networks.occluder is not None:
            visible = self.networks.occluder().visible(crop)
            parts.append(crop_masks.visible_mask(visible, enhancer.size))
        mask = crop_masks.combined(parts) * np.float32(self.options.enhance)
        return paste_back(image, enhancer.enhance(crop), mask, matrix)

    def _outcome(self, after: Image, item: _Work, *, measure: bool) -> FaceOutcome:
        face, source = item.face, item.identity.embedding
        to_source = to_target = None
        if measure and is_judgeable(face) and item.target_embedding is not None:
            result = self.analyser.embed(after, face)
            to_source = self.analyser.similarity(result, source)
            to_target = self.analyser.similarity(result, item.target_embedding)
        left_out = item.identity.left_out
        notices = [*item.notices]
        if left_out:
            notices.append(Notice("photos_left_out", {"count": len(left_out)}))
        return FaceOutcome(face, to_source, to_target, tuple(notices), left_out)


def _refuse_missing(networks: Networks, options: NeuralOptions) -> None:
    contract = networks.swapper.contract
    wanted = options.masks or frozenset()
    for feature, needed, network in (
        ("parser", "regions" in wanted, networks.parser),
        ("occluder", "occlusion" in wanted, networks.occluder),
        ("enhancer", options.enhance > 0, networks.enhancer),
    ):
        if needed and network is None:
            raise FaceError("model_missing", feature=feature)
    if options.boost_px not in {None, *contract.boosts}:
        raise FaceError("boost_unknown", sides=list(contract.boosts))
    if options.strength < 1 and contract.source_crop is not None:
        raise FaceError("strength_fixed")


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


def _ignore(stage: str, fraction: float) -> None:
    """Nobody watches."""
