"""The neural engine from the weights that are on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeVar

from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.faces.same_person import PersonThresholds
from models.networks.arcface import ArcFace
from models.networks.base import ContractError, Session
from models.networks.converters import EmbeddingConverter
from models.networks.enhancer import FaceEnhancer
from models.networks.finding import PACK
from models.networks.identity_space import ConvertedSpace, EmapSpace, IdentitySpace, UnitSpace
from models.networks.inswapper import read_emap
from models.networks.landmarks106 import Landmarks106
from models.networks.occluder import Occluder
from models.networks.opening import open_parser
from models.networks.scrfd import Scrfd
from models.networks.swapper import FaceSwapper, SwapperContract
from models.sessions import SessionFactory
from models.store.cards import Contract, Manifest
from models.store.weights import Unavailable, Weight, WeightStore
from swaps.engines.base import ModelUsed
from swaps.engines.neural import (
    LANDMARKS_FILE,
    NeuralChoice,
    find_offer,
    find_required,
)
from swaps.engines.neural_engine import Networks, NeuralEngine

GPU_BATCH: Final = 8

_CPU: Final = "CPUExecutionProvider"
_Network = TypeVar("_Network")


def load_engine(
    store: WeightStore, sessions: SessionFactory, choice: NeuralChoice | None = None
) -> NeuralEngine | Unavailable:
    """The engine, its detector, recogniser and swapper loaded, the rest when first needed.

    On a GPU the swapper gets several crops a run if its batch axis can be freed and proved; on a
    CPU that saves nothing, so crops go one by one.

    Raises:
        ContractError: a file is not the network its card says.
    """
    return Loader(store, sessions, choice or NeuralChoice()).engine()


@dataclass
class Loader:
    store: WeightStore
    sessions: SessionFactory
    choice: NeuralChoice
    used: list[ModelUsed] = field(default_factory=list)
    optional: dict[str, ModelUsed] = field(default_factory=dict)

    def engine(self) -> NeuralEngine | Unavailable:
        found = find_required(self.store, self.choice)
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
        same_person = PersonThresholds(self.choice.likeness, self.choice.geometry)
        offer = find_offer(self.store, self.choice)
        return NeuralEngine(analyser, networks, same_person, offer.options)

    def open(self, weight: Weight) -> Session:
        self.used.append(ModelUsed(f"{weight.key}/{weight.name}", weight.sha256))
        return self._session(weight)

    def _session(self, weight: Weight) -> Session:
        return self.sessions.get(weight.path, weight.sha256)

    def _landmarks(self) -> Landmarks106 | None:
        weight = self.store.resolve_model(PACK, LANDMARKS_FILE)
        return None if isinstance(weight, Unavailable) else Landmarks106(self.open(weight))

    def _swapper(self, weight: Weight) -> FaceSwapper:
        contract = swapper_contract_of(weight, self.store.manifest)
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


def swapper_contract_of(weight: Weight, manifest: Manifest) -> SwapperContract:
    return SwapperContract.from_card(_contract(weight), manifest)


def _contract(weight: Weight) -> Contract:
    if weight.contract is None:
        raise ContractError(f"the card {weight.key} does not say what {weight.name} takes")
    return weight.contract
