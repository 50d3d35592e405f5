"""Directions: the real files, the operator's own, and everything that must be refused."""

import hashlib
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from editing.directions import (
    DirectionCard,
    DirectionError,
    load_directions,
    read_cards,
    read_rows,
    rms_norm,
    without,
)
from editing.tensor_file import TensorFileError, read_tensor
from tests.conftest import shared_dir

KNOWN = {
    "e4e/smile.pt": ("817a7e732b59dee9", (1, 512), 1.0),
    "e4e/age.pt": ("50074516b1629707", (1, 512), 1.0),
    "e4e/pose.pt": ("736e0eacc8488fa0", (1, 18, 512), 1.0),
    "stit/smile.npy": ("703a67fe070ce1f3", (18, 512), 1.007),
    "stit/age.npy": ("72095858d9f44149", (18, 512), 0.731),
    "sfe/Smiling_boundary.npy": ("5782190b00340d58", (1, 9216), 18**-0.5),
}


def card(key: str = "glasses", file: str = "glasses.npy", **fields: object) -> DirectionCard:
    return DirectionCard(key, file, 3.0, key.capitalize(), **fields)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An operator's folder with one direction."""
    vector = np.random.default_rng(1).normal(size=512)
    np.save(tmp_path / "glasses.npy", vector / np.linalg.norm(vector))
    (tmp_path / "directions.toml").write_text('[glasses]\nfile = "glasses.npy"\nrange = 3.0\n')
    return tmp_path


@pytest.mark.parametrize("name", KNOWN)
def test_published_files_have_their_digest_shape_and_norm(name: str) -> None:
    path = shared_dir("directions") / name
    digest, shape, norm = KNOWN[name]
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest)
    assert read_tensor(path).shape == shape
    rows = read_rows(card(file=path.name, norm=norm), path, 18, 512)
    assert rows.shape == (18, 512)
    assert rms_norm(rows) == pytest.approx(norm, rel=1e-3)


def test_smile_and_age_come_ready_and_leave_each_other_alone() -> None:
    directory = shared_dir("directions") / "e4e"
    ready = load_directions([directory], layers=18)
    assert set(ready) == {"smile", "age"}
    raw = {key: read_tensor(directory / f"{key}.pt")[0] for key in ready}
    for key, other, reach in (("smile", "age", 3.0), ("age", "smile", 5.0)):
        step = ready[key].step
        assert step.shape == (18, 512)
        assert step.dtype == np.float32
        assert np.abs(step @ raw[other]).max() < 1e-6
        assert np.allclose(step @ raw[key], reach * (1 - (raw[key] @ raw[other]) ** 2), atol=1e-5)


def test_a_small_generator_takes_the_first_rows(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).normal(size=(18, 512)) / 22
    np.save(tmp_path / "pose.npy", rows)
    got = read_rows(card("pose", "pose.npy"), tmp_path / "pose.npy", 14, 512)
    assert np.array_equal(got, rows[:14])


def test_three_lines_and_a_file_add_a_direction(folder: Path) -> None:
    (glasses,) = load_directions([folder], layers=16).values()
    assert glasses.card.label == "Glasses"
    assert glasses.card.slider
    assert glasses.step.shape == (16, 512)
    assert np.linalg.norm(glasses.step[7]) == pytest.approx(3.0, rel=1e-5)


def test_layers_outside_the_rows_stay(folder: Path) -> None:
    with (folder / "directions.toml").open("a") as file:
        file.write("rows = [3, 5]\n")
    step = load_directions([folder], layers=18)["glasses"].step
    assert np.flatnonzero(np.abs(step).sum(axis=1)).tolist() == [3, 4, 5]


def test_projection_takes_out_the_whole_span() -> None:
    generator = np.random.default_rng(3)
    direction, first, second = generator.normal(size=(3, 4, 32))
    rest = without(direction, [first, second, first + second])
    for other in (first, second):
        assert np.abs((rest * other).sum(axis=1)).max() < 1e-9
    assert np.abs(without(rest, [first, second]) - rest).max() < 1e-9


def test_the_sites_own_direction_may_be_absent_but_not_an_added_one(folder: Path) -> None:
    assert "smile" not in load_directions([folder], layers=18)
    (folder / "glasses.npy").unlink()
    with pytest.raises(
        DirectionError, match=r"direction glasses: its file glasses\.npy is missing"
    ):
        load_directions([folder], layers=18)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "smile.pt").write_bytes(b"something else")
    with pytest.raises(DirectionError, match=r"direction smile: smile\.pt is not the file"):
        load_directions([tmp_path], layers=18)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.ones((1, 500)), "fits no generator"),
        (np.ones((3, 512)), "fits no generator"),
        (np.ones((2, 9, 512)), "fits no generator"),
        (np.zeros((1, 512)), "out of range"),
        (np.full((1, 512), 9.0), "out of range"),
        (np.full((1, 512), np.nan), "not finite"),
        (np.ones((1, 512), np.int64), "floating-point"),
        (np.array([{"a": 1}], dtype=object), "not a plain"),
    ],
)
def test_arrays_that_are_no_direction_are_refused(
    tmp_path: Path, array: np.ndarray, problem: str
) -> None:
    np.save(tmp_path / "glasses.npy", array, allow_pickle=True)
    with pytest.raises(DirectionError, match=problem):
        read_rows(card(), tmp_path / "glasses.npy", 18, 512)


def test_a_norm_other_than_stated_is_refused(folder: Path) -> None:
    with pytest.raises(DirectionError, match=r"its norm is 1\.0000, not 2\.0000"):
        read_rows(card(norm=2.0), folder / "glasses.npy", 18, 512)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[Glasses]\nfile='a.npy'\nrange=1", "small letters"),
        ("glasses = 3", "expected a table"),
        ("[glasses]\nfile='../a.npy'\nrange=1", "plain name"),
        ("[glasses]\nfile='a.pkl'\nrange=1", "plain name"),
        ("[glasses]\nfile='a.npy'", "range must"),
        ("[glasses]\nfile='a.npy'\nrange=true", "range must"),
        ("[glasses]\nfile='a.npy'\nrange=1\ncolour=2", "unknown key colour"),
        ("[glasses]\nfile='a.npy'\nrange=1\nlabel=''", "label must"),
        ("[glasses]\nfile='a.npy'\nrange=1\nsha256='ab'", "sha256 must"),
        ("[glasses]\nfile='a.npy'\nrange=1\nnorm=0", "norm must"),
        ("[glasses]\nfile='a.npy'\nrange=1\northogonal_to=['glasses']", "other directions"),
        ("[glasses]\nfile='a.npy'\nrange=1\nrows=[5, 3]", "rows must"),
        ("[glasses]\nfile='a.npy'\nrange=1\nslider=1", "slider must"),
        ("[glasses", "not TOML"),
    ],
)
def test_a_wrong_manifest_says_where(tmp_path: Path, text: str, problem: str) -> None:
    manifest = tmp_path / "directions.toml"
    manifest.write_text(text)
    with pytest.raises(DirectionError, match=problem):
        read_cards(manifest)


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("__import__('pathlib').Path('sprung').touch()",))


def archive_of(payload: bytes, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
    return path


def test_a_pickle_that_would_run_code_is_refused_unrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = archive_of(pickle.dumps(_Trap()), tmp_path / "glasses.pt")
    with pytest.raises(TensorFileError, match=r"builtins\.eval"):
        read_tensor(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "payload", [b"", b"\x80\x02.", b"\x80\x02K\x01.", pickle.dumps({"a": 1}), pickle.dumps([1, 2])]
)
def test_pickles_of_anything_else_are_refused(tmp_path: Path, payload: bytes) -> None:
    with pytest.raises(TensorFileError):
        read_tensor(archive_of(payload, tmp_path / "glasses.pt"))


def test_every_cut_of_a_published_file_is_refused(tmp_path: Path) -> None:
    data = (shared_dir("directions") / "e4e" / "smile.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        payload = archive.read("archive/data.pkl")
        storage = next(name for name in archive.namelist() if "/data/" in name)
    for end in range(0, len(payload), 7):
        with pytest.raises(TensorFileError):
            read_tensor(archive_of(payload[:end], tmp_path / "smile.pt"))
    path = archive_of(payload, tmp_path / "smile.pt")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(storage, b"\0" * 100)
    with pytest.raises(TensorFileError):
        read_tensor(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(TensorFileError, match=r"neither \.npy nor \.pt"):
        read_tensor(tmp_path / "a.txt")
    (tmp_path / "a.pt").write_text("not a zip")
    with pytest.raises(TensorFileError, match="not a readable"):
        read_tensor(tmp_path / "a.pt")
