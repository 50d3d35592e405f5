"""Whether a file may be used: digests, what is remembered of them, what an ONNX file may hold."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.store import (
    Manifest,
    OnnxProblem,
    State,
    Unavailable,
    Weight,
    WeightStore,
    read_onnx,
    read_tensor,
)
from models.store.onnx_file import check_onnx
from tests.conftest import shared_dir
from tests.models.store_kit import World, conv_model, finished, make_world, sha256


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def store(world: World) -> WeightStore:
    """A store whose net and pack lie in the folder, examined by nobody yet."""
    world.serve_from(world.folder, archive=False)
    return world.store("")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose content was read for a digest."""
    read: list[str] = []

    def noting(path: Path) -> str:
        read.append(path.name)
        return sha256(path.read_bytes())

    monkeypatch.setattr("models.store.verification.sha256_of", noting)
    return read


def test_status_reads_nothing_and_resolve_reads_once(
    store: WeightStore, world: World, hashed: list[str]
) -> None:
    assert store.status("net").state is State.PRESENT
    assert hashed == []
    assert isinstance(store.resolve("net"), Weight)
    assert hashed == ["net.onnx"]
    assert isinstance(store.resolve("net"), Weight)
    # Another process starts.
    again = world.store("")
    assert again.status("net").state is State.VERIFIED
    assert isinstance(again.resolve("net"), Weight)
    assert hashed == ["net.onnx"]


def test_what_another_process_verified_is_noticed(store: WeightStore, world: World) -> None:
    assert store.status("net").state is State.PRESENT
    world.store("").resolve("net")
    assert store.status("net").state is State.VERIFIED


def test_a_flipped_byte_is_found_even_with_its_time_restored(store: WeightStore) -> None:
    weight = store.resolve("net")
    assert isinstance(weight, Weight)
    before = weight.path.stat()
    with weight.path.open("r+b") as file:
        file.seek(300)
        byte = file.read(1)[0]
        file.seek(300)
        file.write(bytes([byte ^ 1]))
    os.utime(weight.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    why = store.resolve("net")
    assert isinstance(why, Unavailable)
    assert "SHA-256 digest differs" in why.reason
    assert "pull net" in why.remedy
    assert store.status("net").state is State.DAMAGED
    assert isinstance(store.resolve("pack", "a.onnx"), Weight), "the rest works"


def test_a_damaged_file_is_not_read_again_and_again(store: WeightStore, hashed: list[str]) -> None:
    path = store.path("net", "net.onnx")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for _ in range(3):
        assert isinstance(store.resolve("net"), Unavailable)
    assert hashed == ["net.onnx"]


def test_a_wrong_size_needs_no_reading(store: WeightStore, hashed: list[str]) -> None:
    path = store.path("net", "net.onnx")
    path.write_bytes(path.read_bytes() + b"?")
    assert store.status("net").state is State.DAMAGED
    why = store.resolve("net")
    assert isinstance(why, Unavailable)
    assert "bytes and should have" in why.reason
    assert hashed == []


def test_verify_reads_everything_again(store: WeightStore, hashed: list[str]) -> None:
    store.resolve("net")
    assert store.verify("net").state is State.VERIFIED
    assert hashed == ["net.onnx", "net.onnx"]


def test_a_missing_file_is_unavailable(world: World) -> None:
    why = world.store("").resolve("net")
    assert isinstance(why, Unavailable)
    assert why.reason == "A network: net.onnx is not here."
    with pytest.raises(KeyError):
        world.store("").resolve("pack")
    with pytest.raises(KeyError):
        world.store("").resolve("nothing")


def test_a_card_is_as_good_as_its_worst_file(store: WeightStore) -> None:
    assert store.verify("pack").state is State.VERIFIED
    store.path("pack", "b.bin").unlink()
    assert store.status("pack").state is State.MISSING


def test_a_broken_record_is_no_obstacle(store: WeightStore, world: World) -> None:
    store.resolve("net")
    (world.folder / ".verified.json").write_text('{"net/net.onnx": [1, 2]')
    assert isinstance(world.store("").resolve("net"), Weight)


def test_a_read_only_folder_can_be_used(
    store: WeightStore, monkeypatch: pytest.MonkeyPatch, hashed: list[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("models.store.verification.write_json", refuse)
    assert isinstance(store.resolve("net"), Weight)
    assert isinstance(store.resolve("net"), Weight)
    assert hashed == ["net.onnx"]


def test_only_onnx_is_given_out_to_be_run(store: WeightStore) -> None:
    assert isinstance(store.resolve("pack", "b.bin"), Weight)
    why = store.resolve_model("pack", "b.bin")
    assert isinstance(why, Unavailable)
    assert "no ONNX file" in why.reason


def test_a_file_made_here_is_trusted_as_long_as_nothing_changes(store: WeightStore) -> None:
    source = store.resolve("net")
    assert isinstance(source, Weight)
    made = store.path("net", "net.int8.onnx")
    made.write_bytes(conv_model(seed=9).SerializeToString())
    assert isinstance(store.resolve_made(source, "net.int8.onnx"), Unavailable)
    weight = store.record_made(source, "net.int8.onnx")
    assert weight.contract == source.contract
    assert store.resolve_made(source, "net.int8.onnx") == weight
    other = Weight(source.key, source.name, source.path, "0" * 64, source.contract)
    assert isinstance(store.resolve_made(other, "net.int8.onnx"), Unavailable)
    made.write_bytes(conv_model(seed=10).SerializeToString())
    why = store.resolve_made(source, "net.int8.onnx")
    assert isinstance(why, Unavailable)
    assert "damaged" in why.reason


def pinned(world: World, model: onnx.ModelProto) -> Weight | Unavailable:
    """What a store says of `model` when its very digest is pinned."""
    data = model.SerializeToString()
    text = (world.folder.parent / "manifest.toml").read_text()
    text = text.replace(sha256(world.net), sha256(data)).replace(
        str(len(world.net)), str(len(data))
    )
    path = world.folder.parent / "pinned.toml"
    path.write_text(text)
    target = world.folder / "net" / "net.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return WeightStore(world.folder, manifest=Manifest.read(path)).resolve("net")


def outside(model: onnx.ModelProto, location: str) -> onnx.ModelProto:
    """`model` with the bytes of its first weight in another file."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return model


@pytest.mark.parametrize(
    "location", ["../../secret", "/etc/passwd", "sub/../../x", "C:\\x", "..\\x", "", "link/x"]
)
def test_weights_outside_the_folder_are_refused(world: World, location: str) -> None:
    folder = world.folder / "net"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to("/etc")
    why = pinned(world, outside(conv_model(), location))
    assert isinstance(why, Unavailable)
    assert "outside its own folder" in why.reason


def test_weights_in_a_second_file_are_refused(world: World) -> None:
    why = pinned(world, outside(conv_model(), "weights.bin"))
    assert isinstance(why, Unavailable)
    assert "second file" in why.reason


def test_external_weights_inside_a_branch_are_found(tmp_path: Path) -> None:
    constant = helper.make_tensor("c", TensorProto.FLOAT, [1], [1.0])
    constant.ClearField("float_data")
    constant.data_location = TensorProto.EXTERNAL
    entry = constant.external_data.add()
    entry.key, entry.value = "location", "../x"
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["b"], value=constant)],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])],
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["p"], ["y"], then_branch=branch, else_branch=branch)],
        "g",
        [helper.make_tensor_value_info("p", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    path = tmp_path / "if.onnx"
    path.write_bytes(finished(graph).SerializeToString())
    with pytest.raises(OnnxProblem, match="outside its own folder"):
        check_onnx(path)


def test_unknown_operators_are_refused(world: World) -> None:
    why = pinned(world, conv_model(domain="com.example.surprise"))
    assert isinstance(why, Unavailable)
    assert "unknown operator set 'com.example.surprise'" in why.reason


@pytest.mark.parametrize("opset", [3, 99])
def test_unknown_versions_are_refused(world: World, opset: int) -> None:
    model = conv_model()
    model.opset_import[0].version = opset
    why = pinned(world, model)
    assert isinstance(why, Unavailable)
    assert f"version {opset}" in why.reason


def test_operators_that_nobody_uses_do_no_harm(world: World) -> None:
    model = conv_model()
    model.opset_import.append(helper.make_opsetid("ai.onnx.training", 1))
    assert isinstance(pinned(world, model), Weight)


def test_a_models_own_functions_are_its_own_matter(tmp_path: Path) -> None:
    model = conv_model(domain="own.functions")
    model.functions.append(
        helper.make_function(
            "own.functions",
            "Relu",
            ["a"],
            ["b"],
            [helper.make_node("Relu", ["a"], ["b"])],
            [helper.make_opsetid("", 17)],
        )
    )
    path = tmp_path / "functions.onnx"
    path.write_bytes(model.SerializeToString())
    check_onnx(path)
    model.functions[0].node[0].domain = "com.example.surprise"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(OnnxProblem, match=r"com\.example\.surprise"):
        check_onnx(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a model",
        b"\x80\x04\x95pickle",
        b"PK\x03\x04",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\xff" * 40,
    ],
)
def test_other_files_are_no_models(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    with pytest.raises(OnnxProblem):
        check_onnx(path)


def test_a_model_cut_short_anywhere_is_no_model_or_another(tmp_path: Path) -> None:
    data = conv_model().SerializeToString()
    path = tmp_path / "x.onnx"
    for end in range(0, len(data), 97):
        path.write_bytes(data[:end])
        with pytest.raises(OnnxProblem):
            check_onnx(path)


def test_the_walk_agrees_with_onnx_itself() -> None:
    for path in sorted(shared_dir("models/mini").glob("*.onnx")):
        model = onnx.load(path)
        walked = read_onnx(path)
        check_onnx(path)
        assert walked.opsets == {item.domain: item.version for item in model.opset_import}
        assert len(walked.initializers) == len(model.graph.initializer)
        for mine, theirs in zip(walked.initializers, model.graph.initializer, strict=True):
            assert (mine.name, mine.shape) == (theirs.name, tuple(theirs.dims))
            if mine.length:
                assert np.array_equal(read_tensor(path, mine), numpy_helper.to_array(theirs))


def test_a_tensor_is_read_without_the_rest(tmp_path: Path) -> None:
    model = conv_model(seed=4)
    emap = np.arange(12, dtype=np.float32).reshape(3, 4)
    model.graph.initializer.append(numpy_helper.from_array(emap, "emap"))
    model.graph.initializer.append(helper.make_tensor("floats", TensorProto.FLOAT, [2], [5.0, 6.0]))
    path = tmp_path / "x.onnx"
    path.write_bytes(model.SerializeToString())
    *_, raw, floats = read_onnx(path).initializers
    assert np.array_equal(read_tensor(path, raw), emap)
    assert read_tensor(path, floats).tolist() == [5.0, 6.0]
