"""Smaller copies of a swapper, made and measured on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.faces.face import FloatArray
from models.networks.arcface import ArcFace
from models.networks.scrfd import Scrfd
from models.pixels.imaging import Image
from models.sessions import SessionFactory
from models.store.files import sha256_of
from models.store.quantize import Portrait, QualityReport, quantize_swapper
from models.store.variants import Precision, variant_name
from models.store.weights import Unavailable, WeightStore
from swaps.engines.neural import NeuralChoice, find_required
from swaps.engines.neural_loader import Loader, swapper_contract_of


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
    found = find_required(store, NeuralChoice(swapper=key))
    if isinstance(found, Unavailable):
        return found
    opener = SessionFactory(replace(sessions.config, cache_dir=None))
    loader = Loader(store, opener, NeuralChoice(swapper=key))
    recogniser = ArcFace(loader.open(found.recogniser))
    analyser = InsightFaceAnalyser(Scrfd(loader.open(found.detector)), recogniser)
    portraits = [Portrait(photo, _only_face(analyser, photo)) for photo in photos]
    contract = swapper_contract_of(found.swapper, store.manifest)
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
