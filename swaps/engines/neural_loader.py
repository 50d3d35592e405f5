"""The neural engine from the weights that are on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, Literal, TypeVar

from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.faces.face import FloatArray
from models.faces.same_person import PersonThresholds
from models.networks.arcface import ArcFace
from models.networks.base import ContractError, Session
from models.networks.converters import EmbeddingConverter
from models.networks.enhancer import FaceEnhancer
from models.networks.identity_space import ConvertedSpace, EmapSpace, IdentitySpace, UnitSpace
from models.networks.inswapper import read_emap
from models.networks.landmarks106 import Landmarks106
from models.networks.occluder import Occluder
from models.networks.opening import PACK, open_parser
from models.networks.scrfd import Scrfd
from models.networks.swapper import FaceSwapper, SwapperContract
from models.pixels.crop_masks import MaskKind
from models.pixels.imaging import Image
from models.sessions import SessionFactory
from models.store.cards import Contract, Manifest
from models.store.files import sha256_of
from models.store.quantize import Portrait, Precision, QualityReport, quantize_swapper, variant_name
from models.store.weights import Unavailable, Weight, WeightStore
from swaps.engines.former import ModelUsed
from swaps.engines.neural import Networks, NeuralEngine

LANDMARKS_FILE: Final = "2d106det.onnx"
GPU_BATCH: Final = 8

_CPU: Final = "CPUExecutionProvider"
_Network = TypeVar("_Network")


@dataclass(frozen=True)
class NeuralChoice:
    """Which cards the engine is made of.

    Attributes:
        swapper: card of the swapper.
        precision: ``fp32`` for the file as published, or a variant that
            :func:`models.store.quantize.quantize_swapper` made on this machine.
        parser, occluder, enhancer: cards of the networks that may be missing.
        same_person: when several photos count as one person's.
    """

    swapper: str = "inswapper_128"
    precision: Precision | Literal["fp32"] = "fp32"
    parser: str = "parser_resnet34"
    occluder: str = "occluder_xseg"
    enhancer: str = "gfpgan_1.4"
    same_person: PersonThresholds = field(default_factory=PersonThresholds)


@dataclass(frozen=True)
class NeuralOffers:
    """What the engine could do, known without loading it.

    Attributes:
        boosts: sides in pixels of the drawn crop, the native one first.
        steerable: whether strength and several source photos mean anything to the swapper.
        masks: which kinds there are networks for.
        enhancer: whether there is one.
        absent: what cannot be offered because its model is not there, in plain words.
    """

    boosts: tuple[int, ...]
    steerable: bool = True
    masks: frozenset[MaskKind] = frozenset({"box"})
    enhancer: bool = False
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Required:
    """The files without which there is no engine."""

    detector: Weight
    recogniser: Weight
    swapper: Weight
    converter: Weight | None


def find_offers(
    store: WeightStore, choice: NeuralChoice | None = None
) -> NeuralOffers | Unavailable:
    """What the engine made of `choice` offers, or why it cannot be made; loads nothing.

    Raises:
        KeyError: there is no such card.
        ContractError: the swapper's card is that of something else.
    """
    choice = choice or NeuralChoice()
    found = _required(store, choice)
    if isinstance(found, Unavailable):
        return found
    contract = _swap_contract(found.swapper, store.manifest)
    masks: set[MaskKind] = {"box"}
    absent = []
    optional: tuple[tuple[MaskKind | None, str, str, str | None], ...] = (
        ("hull", "the outline of the face", PACK, LANDMARKS_FILE),
        ("regions", "single parts of the face", choice.parser, None),
        ("occlusion", "keeping what is in front of the face", choice.occluder, None),
        (None, "the enhancer", choice.enhancer, None),
    )
    enhancer = False
    for mask, words, key, name in optional:
        if isinstance(store.resolve_model(key, name), Unavailable):
            absent.append(words)
        elif mask is None:
            enhancer = True
        else:
            masks.add(mask)
    return NeuralOffers(
        boosts=contract.boosts,
        steerable=contract.source_crop is None,
        masks=frozenset(masks),
        enhancer=enhancer,
        absent=tuple(absent),
    )


def load_engine(
    store: WeightStore, sessions: SessionFactory, choice: NeuralChoice | None = None
) -> NeuralEngine | Unavailable:
    """The engine, its detector, recogniser and swapper loaded, the rest when first needed.

    On a GPU the swapper gets several crops a run if its batch axis can be freed and proved; on a
    CPU that saves nothing, so crops go one by one.

    Raises:
        ContractError: a file is not the network its card says.
    """
    return _Loader(store, sessions, choice or NeuralChoice()).engine()


def quantize_card(
    store: WeightStore,
    sessions: SessionFactory,
    key: str,
    precision: Precision,
    photos: Sequence[Image],
) -> QualityReport | Unavailable:
    """Makes a smaller copy of a swapper beside the original, and says how it differs.

    The copy is recorded in the store; nothing uses it until a :class:`NeuralChoice` names it.

    Args:
        store: the weights; the recogniser and the swapper must be there.
        sessions: what opens them; its cache is not used, since the copy is run once.
        key: card of a swapper that takes an embedding.
        precision: which kind of copy.
        photos: at least two, uint8 (H, W, 3) BGR, each with a face that serves as a portrait.

    Raises:
        KeyError: there is no such card.
        ContractError: the card is not that of a swapper.
        ValueError: a photo shows no face, there are fewer than two, or the swapper copies a photo.
    """
    found = _required(store, NeuralChoice(swapper=key))
    if isinstance(found, Unavailable):
        return found
    opener = SessionFactory(replace(sessions.config, cache_dir=None))
    loader = _Loader(store, opener, NeuralChoice(swapper=key))
    recogniser = ArcFace(loader.open(found.recogniser))
    analyser = InsightFaceAnalyser(Scrfd(loader.open(found.detector)), recogniser)
    portraits = [Portrait(photo, _only_face(analyser, photo)) for photo in photos]
    contract = _swap_contract(found.swapper, store.manifest)
    name = variant_name(found.swapper.name, precision)
    report = quantize_swapper(
        found.swapper.path,
        store.path(key, name),
        precision,
        contract=contract,
        space=loader.space(contract, found.swapper, found.converter),
        recogniser=recogniser,
        portraits=portraits,
        open_session=lambda path: opener.get(path, sha256_of(path)),
    )
    store.record_made(found.swapper, name)
    return report


def _only_face(analyser: InsightFaceAnalyser, photo: Image) -> FloatArray:
    faces = analyser.find_faces(photo)
    if not faces:
        raise ValueError("one of the photos shows no face")
    return faces[0].kps


@dataclass
class _Loader:
    store: WeightStore
    sessions: SessionFactory
    choice: NeuralChoice
    used: list[ModelUsed] = field(default_factory=list)
    optional: dict[str, ModelUsed] = field(default_factory=dict)

    def engine(self) -> NeuralEngine | Unavailable:
        found = _required(self.store, self.choice)
        if isinstance(found, Unavailable):
            return found
        analyser = InsightFaceAnalyser(
            Scrfd(self.open(found.detector)),
            ArcFace(self.open(found.recogniser)),
            self._landmarks(),
        )
        source = self.store.resolve(self.choice.swapper)
        swapper = self._swapper(found.swapper)
        space = self.space(swapper.contract, source, found.converter)
        networks = Networks(
            swapper=swapper,
            space=space,
            parser=self._optional(
                "regions", self.choice.parser, lambda w: open_parser(w, self.sessions)
            ),
            occluder=self._optional(
                "occlusion", self.choice.occluder, lambda w: Occluder(self._session(w))
            ),
            enhancer=self._optional("enhancer", self.choice.enhancer, self._enhancer),
            models=tuple(self.used),
            optional_models=self.optional,
        )
        return NeuralEngine(analyser, networks, self.choice.same_person)

    def open(self, weight: Weight) -> Session:
        self.used.append(ModelUsed(f"{weight.key}/{weight.name}", weight.sha256))
        return self._session(weight)

    def _session(self, weight: Weight) -> Session:
        return self.sessions.get(weight.path, weight.sha256)

    def _landmarks(self) -> Landmarks106 | None:
        weight = self.store.resolve_model(PACK, LANDMARKS_FILE)
        return None if isinstance(weight, Unavailable) else Landmarks106(self.open(weight))

    def _swapper(self, weight: Weight) -> FaceSwapper:
        contract = _swap_contract(weight, self.store.manifest)
        cache_dir = self.sessions.config.cache_dir
        if cache_dir is not None and self.sessions.providers()[0] != _CPU:
            # A worker on the CPU starts faster without it.
            from models.sessions.batching import with_dynamic_batch

            batched = with_dynamic_batch(weight.path, digest=weight.sha256, cache_dir=cache_dir)
            if batched is not None:
                self.used.append(ModelUsed(f"{weight.key}/{weight.name}", weight.sha256))
                session = self.sessions.get(batched.path, batched.sha256)
                return FaceSwapper(session, contract, GPU_BATCH)
        return FaceSwapper(self.open(weight), contract)

    def space(
        self,
        contract: SwapperContract,
        source: Weight | Unavailable,
        converter: Weight | None,
    ) -> IdentitySpace:
        kind = contract.source.kind
        if kind == "embedding_emap" and isinstance(source, Weight):
            # From the published file: a smaller copy may hold its initializers in another order.
            return EmapSpace(read_emap(source.path))
        if converter is not None:
            network = EmbeddingConverter(self.open(converter))
            return ConvertedSpace(network, normalised=kind == "converted_unit")
        return UnitSpace()

    def _optional(
        self, purpose: str, key: str, make: Callable[[Weight], _Network]
    ) -> Callable[[], _Network] | None:
        weight = self.store.resolve_model(key)
        if isinstance(weight, Unavailable):
            return None
        self.optional[purpose] = ModelUsed(f"{weight.key}/{weight.name}", weight.sha256)
        return cache(lambda: make(weight))

    def _enhancer(self, weight: Weight) -> FaceEnhancer:
        session = self._session(weight)
        return FaceEnhancer.from_card(session, _contract(weight), self.store.manifest)


def _required(store: WeightStore, choice: NeuralChoice) -> _Required | Unavailable:
    detector = store.resolve_model(PACK, "det_10g.onnx")
    recogniser = store.resolve_model(PACK, "w600k_r50.onnx")
    swapper = store.resolve_model(choice.swapper)
    if choice.precision != "fp32" and isinstance(swapper, Weight):
        swapper = store.resolve_made(swapper, variant_name(swapper.name, choice.precision))
    if isinstance(detector, Unavailable):
        return detector
    if isinstance(recogniser, Unavailable):
        return recogniser
    if isinstance(swapper, Unavailable):
        return swapper
    key = _swap_contract(swapper, store.manifest).source.converter
    converter = store.resolve_model(key) if key else None
    if isinstance(converter, Unavailable):
        return converter
    return _Required(detector, recogniser, swapper, converter)


def _swap_contract(weight: Weight, manifest: Manifest) -> SwapperContract:
    return SwapperContract.from_card(_contract(weight), manifest)


def _contract(weight: Weight) -> Contract:
    if weight.contract is None:
        raise ContractError(f"the card {weight.key} does not say what {weight.name} takes")
    return weight.contract
