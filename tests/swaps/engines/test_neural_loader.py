"""The neural engine out of a weights folder: what it takes, what may be missing, what it says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from models.faces.errors import FaceError
from models.options import ChoiceOption, OptionSchema, SetOption, Values
from models.sessions import Session, SessionConfig, SessionFactory
from models.store.cards import Manifest
from models.store.files import sha256_of
from models.store.quantize import QualityReport
from models.store.weights import Unavailable, WeightStore
from swaps.engines.base import Source, Target
from swaps.engines.neural import NeuralChoice, find_offer
from swaps.engines.neural_engine import NeuralEngine
from swaps.engines.neural_loader import load_engine
from swaps.engines.neural_options import NeuralOptions
from swaps.engines.quantizing import quantize_card
from tests.models.networks import graphs
from tests.swaps.engines.test_neural import (
    EMAP,
    LEFT,
    RIGHT,
    SOURCE,
    SOURCE_FACE,
    TARGET,
    changed,
    run,
    swap,
)

GRAPHS: dict[tuple[str, str], Callable[[Path], Path]] = {
    ("buffalo_l", "det_10g.onnx"): graphs.detector,
    ("buffalo_l", "w600k_r50.onnx"): graphs.recogniser,
    ("inswapper_128", "inswapper_128.onnx"): lambda path: graphs.swapper(path, emap=EMAP),
    ("simswap_256", "simswap_256.onnx"): lambda path: graphs.swapper(path, 256),
    ("crossface_simswap", "crossface_simswap.onnx"): graphs.converter,
    ("parser_resnet34", "resnet34.onnx"): graphs.parser,
    ("occluder_xseg", "xseg.onnx"): graphs.occluder,
    ("gfpgan_1.4", "gfpgan_1.4.onnx"): graphs.enhancer,
}


def store_of(folder: Path, *missing: str) -> WeightStore:
    """A weights folder of small graphs, their digests pinned in the cards; some cards missing."""
    manifest = Manifest.read()
    cards = dict(manifest.cards)
    for (key, name), build in GRAPHS.items():
        (folder / key).mkdir(parents=True, exist_ok=True)
        path = build(folder / key / name)
        files = tuple(
            replace(file, sha256=sha256_of(path), bytes=None) if file.name == name else file
            for file in cards[key].files
        )
        cards[key] = replace(cards[key], files=files, bring_your_own=False)
        if key in missing:
            path.unlink()
    return WeightStore(folder, manifest=replace(manifest, cards=MappingProxyType(cards)))


@pytest.fixture
def sessions(tmp_path: Path) -> SessionFactory:
    return SessionFactory(SessionConfig(providers=("cpu",), cache_dir=tmp_path / "cache"))


def loaded(
    store: WeightStore, sessions: SessionFactory, choice: NeuralChoice | None = None
) -> NeuralEngine:
    engine = load_engine(store, sessions, choice)
    assert isinstance(engine, NeuralEngine)
    return engine


def test_engine_swaps_with_every_network(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights")
    assert not find_offer(store).missing
    engine = loaded(store, sessions)
    options = NeuralOptions(
        enhance=0.4, masks=frozenset({"box", "regions", "occlusion"}), strength=0.7
    )

    result = run(engine, TARGET, [swap()], options)

    assert changed(TARGET, result.image).any()
    used = {model.name: model.digest for model in result.models}
    assert used["inswapper_128/inswapper_128.onnx"] == sha256_of(
        tmp_path / "weights/inswapper_128/inswapper_128.onnx"
    )
    assert set(used) == {
        "buffalo_l/det_10g.onnx",
        "buffalo_l/w600k_r50.onnx",
        "inswapper_128/inswapper_128.onnx",
        "parser_resnet34/resnet34.onnx",
        "occluder_xseg/xseg.onnx",
        "gfpgan_1.4/gfpgan_1.4.onnx",
    }


def test_only_networks_that_took_part_are_named(tmp_path: Path, sessions: SessionFactory) -> None:
    engine = loaded(store_of(tmp_path / "weights"), sessions)

    def named(options: NeuralOptions) -> set[str]:
        return {m.name.split("/")[0] for m in run(engine, TARGET, [swap()], options).models}

    core = {"buffalo_l", "inswapper_128"}
    assert named(NeuralOptions(masks=frozenset({"box"}))) == core
    assert named(NeuralOptions()) == core | {"occluder_xseg"}
    assert named(NeuralOptions(masks=frozenset({"regions"}), enhance=0.1)) == core | {
        "parser_resnet34",
        "gfpgan_1.4",
    }


def test_what_is_optional_may_be_missing(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights", "parser_resnet34", "occluder_xseg", "gfpgan_1.4")
    engine = loaded(store, sessions)

    assert changed(TARGET, run(engine, TARGET, [swap()]).image).any()
    with pytest.raises(FaceError) as refused:
        run(engine, TARGET, [swap()], NeuralOptions(enhance=1.0))
    assert refused.value.code == "model_missing"


def choices(schema: OptionSchema, key: str) -> list[str]:
    option = schema[key]
    assert isinstance(option, ChoiceOption | SetOption)
    return [item.value for item in option.items]


def test_what_is_offered_is_known_without_loading_anything(tmp_path: Path) -> None:
    full = find_offer(store_of(tmp_path / "full"))
    assert [option.key for option in full.options] == [
        "strength",
        "enhance",
        "detail",
        "mask",
        "part",
    ]
    assert choices(full.options, "detail") == ["128", "256", "512", "1024"]
    assert choices(full.options, "mask") == ["occlusion", "regions"]
    assert full.options.defaults()["mask"] == ("occlusion",)
    assert full.absent == ("the outline of the face",)
    assert full.takes_several
    bare = find_offer(store_of(tmp_path / "bare", "parser_resnet34", "occluder_xseg", "gfpgan_1.4"))
    assert [option.key for option in bare.options] == ["strength", "detail"]
    assert len(bare.absent) == 4
    other = find_offer(store_of(tmp_path / "other"), NeuralChoice(swapper="simswap_256"))
    assert choices(other.options, "detail") == ["256", "512", "1024"]
    photo = find_offer(store_of(tmp_path / "photo"), NeuralChoice(swapper="uniface_256"))
    assert photo.missing


def test_a_damaged_network_is_not_offered_and_the_rest_is(tmp_path: Path) -> None:
    store = store_of(tmp_path / "weights")
    path = store.path("gfpgan_1.4", "gfpgan_1.4.onnx")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    offer = find_offer(store)

    assert not offer.missing
    assert "enhance" not in offer.options
    assert "the enhancer" in offer.absent
    assert "regions" in choices(offer.options, "mask")


def test_every_offer_can_be_taken(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights")
    options = find_offer(store).options
    engine = loaded(store, sessions)
    for side in choices(options, "detail")[:3]:
        values: Values = {"detail": side, "mask": tuple(choices(options, "mask")), "enhance": 50}
        result = engine.run(TARGET, [Source(SOURCE, SOURCE_FACE)], [Target(LEFT)], values)
        assert result.image.shape == TARGET.shape


@pytest.mark.parametrize("key", ["buffalo_l", "inswapper_128"])
def test_what_is_needed_is_named_when_missing(
    key: str, tmp_path: Path, sessions: SessionFactory
) -> None:
    store = store_of(tmp_path / "weights", key)

    answer = load_engine(store, sessions)
    assert isinstance(answer, Unavailable)
    assert answer.key == key
    assert "pull" in answer.remedy
    offer = find_offer(store)
    assert offer.missing == f"{answer.reason} {answer.remedy}"
    assert [need.card for need in offer.needs] == [key]
    assert offer.is_meant == (key != "inswapper_128")


def test_a_damaged_swapper_is_not_loaded(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights")
    path = store.path("inswapper_128", "inswapper_128.onnx")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    answer = load_engine(store, sessions)

    assert isinstance(answer, Unavailable)
    assert "digest" in answer.reason


def test_a_swapper_with_a_converter(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights")
    choice = NeuralChoice(swapper="simswap_256")

    result = run(loaded(store, sessions, choice), TARGET, [swap()])

    assert changed(TARGET, result.image).any()
    assert "crossface_simswap/crossface_simswap.onnx" in {m.name for m in result.models}
    store = store_of(tmp_path / "bare", "crossface_simswap")
    assert [need.card for need in find_offer(store, choice).needs] == ["crossface_simswap"]


def test_a_smaller_copy_is_used_only_when_chosen(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights")
    source = store.resolve_model("inswapper_128")
    assert not isinstance(source, Unavailable)
    choice = NeuralChoice(precision="int8")
    assert isinstance(load_engine(store, sessions, choice), Unavailable)

    graphs.swapper(store.path("inswapper_128", "inswapper_128.int8.onnx"), scale=0.2, emap=-EMAP)
    store.record_made(source, "inswapper_128.int8.onnx")
    small = run(loaded(store, sessions, choice), TARGET, [swap(LEFT)])
    full = run(loaded(store, sessions), TARGET, [swap(LEFT)])

    assert not np.array_equal(small.image, full.image)
    assert "inswapper_128/inswapper_128.int8.onnx" in {m.name for m in small.models}
    assert "inswapper_128/inswapper_128.onnx" in {m.name for m in full.models}


def test_a_smaller_copy_is_made_reported_on_and_recorded(
    tmp_path: Path, sessions: SessionFactory
) -> None:
    store = store_of(tmp_path / "weights")
    detector = store.path("buffalo_l", "det_10g.onnx")
    # A face in the middle, its five points on a square and its centre.
    points = (-1.0, -1.0, 1.0, -1.0, 0.0, 0.0, -1.0, 1.0, 1.0, 1.0)
    graphs.detector(detector, [(16, 4, 4, 0.9)], points)
    cards = dict(store.manifest.cards)
    files = tuple(
        replace(file, sha256=sha256_of(detector)) if file.name == "det_10g.onnx" else file
        for file in cards["buffalo_l"].files
    )
    cards["buffalo_l"] = replace(cards["buffalo_l"], files=files)
    store = WeightStore(
        store.folder, manifest=replace(store.manifest, cards=MappingProxyType(cards))
    )
    choice = NeuralChoice(precision="fp16")
    assert find_offer(store, choice).missing

    report = quantize_card(store, sessions, "inswapper_128", "fp16", [TARGET, SOURCE])

    assert isinstance(report, QualityReport)
    assert report.psnr_db > 40
    assert not find_offer(store, choice).missing
    assert changed(TARGET, run(loaded(store, sessions, choice), TARGET, [swap()]).image).any()
    with pytest.raises(ValueError, match="no face"):
        quantize_card(
            store_of(tmp_path / "blind"), sessions, "inswapper_128", "fp16", [TARGET, SOURCE]
        )


class LikeGpu(SessionFactory):
    """Says that it has a GPU, and runs on the CPU all the same."""

    def __init__(self, config: SessionConfig) -> None:
        super().__init__(config)
        self.opened: list[Path] = []
        self._cpu = SessionFactory(SessionConfig(providers=("cpu",)))

    def providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def get(self, path: Path, digest: str) -> Session:
        self.opened.append(path)
        return self._cpu.get(path, digest)


def test_batches_are_used_where_the_device_gains(tmp_path: Path, sessions: SessionFactory) -> None:
    store = store_of(tmp_path / "weights")
    both = [swap(LEFT), swap(RIGHT)]
    single = run(loaded(store, sessions), TARGET, both)
    gpu = LikeGpu(sessions.config)

    batched = run(loaded(store, gpu), TARGET, both)

    assert any("batch" in path.parent.name for path in gpu.opened)
    assert np.array_equal(batched.image, single.image)
    assert batched.models == single.models
