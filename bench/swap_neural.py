"""The neural swap beside insightface's own: ``python -m bench.swap_neural``.

Graphs of the true shapes with random weights (see :mod:`bench.neural_graphs`), synthetic photos:
speed only, nothing here says anything of quality. Both sides run in one process on the same
graphs, in turns; the shortest of the runs counts, and CPU time where two threads share the work.
``--cold`` measures a fresh worker, ``--int8`` adds the 8-bit swapper.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bench._timing import in_subprocess, machine
from models.faces.face import Face, Pose, Quality
from models.networks.arcface import ArcFace
from models.networks.identity_space import EmapSpace
from models.networks.swapper import FaceSwapper, SwapperContract
from models.sessions import SessionConfig, SessionFactory
from models.store.cards import Manifest
from swaps.engines.base import Source, Target
from swaps.engines.neural_engine import Networks, NeuralEngine
from swaps.engines.neural_options import NeuralOptions

CROP_SHARE = {1: 968 / 3464, 6: 516 / 3464}
"""Side of a face's crop over the root of the photo's area, for one face and for six."""
FIXED_CROP_PX = 400
SIZES = {0.5: (816, 612), 2: (1632, 1224), 12: (4000, 3000), 24: (5656, 4242)}
GRAPHS = ("inswapper", "recogniser", "detector")
MANIFEST = Manifest.read()
UNIT = np.full(512, 1 / np.sqrt(512), np.float32)


class Cost(NamedTuple):
    """Milliseconds by the clock and of all processors."""

    wall: float
    cpu: float


class StubSession:
    """Answers at once with a fixed picture: what is left is everything but inference."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        noise = cv2.GaussianBlur(rng.random((128, 128, 3)), (0, 0), 3)
        self.answer = (noise.transpose(2, 0, 1)[None] * 3 - 1).astype(np.float32)

    def get_inputs(self) -> Sequence[Any]:
        return [SimpleNamespace(name=name, shape=[]) for name in ("target", "source")]

    def get_outputs(self) -> Sequence[Any]:
        return [SimpleNamespace(name="output", shape=[])]

    def run(self, *arguments: Any) -> list[NDArray[Any]]:
        return [self.answer]


class _PlainSession:
    """As insightface makes its sessions: with the runtime's defaults."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(path))

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return list(self._session.run(None, dict(inputs)))


class KnownIdentity:
    """An analyser that costs nothing."""

    name = "known"

    def find_faces(self, image: NDArray[np.uint8]) -> list[Face]:
        return []

    def embed(self, image: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        return np.ones(512, np.float32)

    def similarity(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
        return 1.0


def main() -> None:
    """Prints tables in Markdown; with ``--cold`` one JSON object about this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--graphs", type=Path, help="folder to keep the graphs in")
    parser.add_argument("--cold", choices=["ours", "insightface"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.cold:
        cold = {"ours": cold_ours, "insightface": cold_insightface}[arguments.cold]
        print(json.dumps(cold(arguments.graphs)))
        return
    wanted = arguments.sections or [name for name in SECTIONS if name != "int8"]
    with tempfile.TemporaryDirectory() as folder:
        graphs = arguments.graphs or Path(folder)
        graphs.mkdir(parents=True, exist_ok=True)
        _build_missing(graphs)
        print(f"Machine: {platform.machine()}, {machine()}. {', '.join(_versions())}.")
        print("Milliseconds are by the clock, in brackets of all processors together.")
        for name in wanted:
            title, head, rows = SECTIONS[name]
            print(f"\n{title}\n")
            _table(head, rows(graphs))


def _build_missing(graphs: Path) -> None:
    # Imported here: a cold worker, which this module also is, builds no graphs.
    from bench import neural_graphs

    for name in GRAPHS:
        if not (graphs / f"{name}.onnx").exists():
            getattr(neural_graphs, name)(graphs / f"{name}.onnx")


def measure_inference(graphs: Path, runs: int = 3) -> Cost:
    """One face through the swapper's graph."""
    session = _sessions(graphs).get(graphs / "inswapper.onnx", _digest(graphs, "inswapper"))
    feed = {
        "target": np.zeros((1, 3, 128, 128), np.float32),
        "source": np.zeros((1, 512), np.float32),
    }
    return _best(lambda: session.run(feed), runs)


def overhead_rows(graphs: Path) -> list[tuple[object, ...]]:
    """Everything but inference, insightface's and ours in turns."""
    inference = measure_inference(graphs)
    from insightface.model_zoo.inswapper import INSwapper

    stub = StubSession()
    reference = INSwapper.__new__(INSwapper)
    reference.input_size, reference.input_std, reference.input_mean = (128, 128), 255.0, 0.0
    reference.emap = np.eye(512, dtype=np.float32)
    reference.input_names, reference.output_names = ["target", "source"], ["output"]
    reference.session = stub
    identity = SimpleNamespace(normed_embedding=UNIT)
    rows: list[tuple[object, ...]] = [("inference", 1, "", _text(inference), "", "", "")]
    for megapixels, count in ((0.5, 1), (2, 1), (12, 1), (24, 1), (2, 6), (12, 6)):
        photo = _photo(megapixels)
        faces = _faces(photo, count, CROP_SHARE[count] * np.sqrt(photo.shape[0] * photo.shape[1]))

        def theirs(photo: Any = photo, faces: Sequence[Face] = faces) -> None:
            image = photo
            for face in faces:
                image = reference.get(image, SimpleNamespace(kps=face.kps), identity)

        slow = megapixels * count > 12
        insightface = _best(theirs, 1 if slow else 2)
        ours = _best(lambda: _swap(photo, faces, stub), 5)  # noqa: B023
        in_place = _best(lambda: _swap(photo, faces, stub, in_place=True), 5)  # noqa: B023
        rows.append(
            (
                f"{megapixels} MP",
                count,
                _text(insightface),
                _text(ours),
                _text(in_place),
                f"{insightface.wall / in_place.wall:.0f}x ({insightface.cpu / in_place.cpu:.0f}x)",
                f"{100 * in_place.cpu / (count * inference.cpu):.1f} %",
            )
        )
    return rows


def fixed_crop_rows(graphs: Path) -> list[tuple[object, ...]]:
    """Whether the size of the photo matters to a face of one size."""
    rows: list[tuple[object, ...]] = []
    first: float | None = None
    for megapixels in (2, 12, 24):
        photo = _photo(megapixels)
        faces = _faces(photo, 1, FIXED_CROP_PX)
        cost = _best(lambda: _swap(photo, faces, StubSession(), in_place=True), 9)  # noqa: B023
        first = first or cost.wall
        rows.append((f"{megapixels} MP", f"{_text(cost)}, {cost.wall / first:.2f}x"))
    return rows


def codec_rows(graphs: Path) -> list[tuple[object, ...]]:
    """Decoding with the orientation applied and encoding at quality 92."""
    data = _jpeg(_photo(12))
    rows: list[tuple[object, ...]] = []
    for sampling in ("4:2:0", "4:4:4"):
        pillow: float | None = None
        for name, decode, encode in _codecs(sampling):
            pixels = decode(data)
            costs = _best(lambda: decode(data), 4), _best(lambda: encode(pixels), 4)  # noqa: B023
            total = sum(cost.cpu for cost in costs)
            pillow = pillow or total
            both = f"{total:.0f} ms, {pillow / total:.2f}x"
            rows.append((f"{name}, {sampling}", _text(costs[0]), _text(costs[1]), both))
    return rows


def end_to_end_rows(graphs: Path) -> list[tuple[object, ...]]:
    """Decode, detect, swap, encode. insightface also embeds the target, as ``get`` always does.

    insightface runs twice: with the sessions it makes itself, and with ours.
    """
    from insightface.model_zoo.inswapper import INSwapper

    sessions = _sessions(graphs)
    ours = {name: sessions.get(graphs / f"{name}.onnx", _digest(graphs, name)) for name in GRAPHS}
    plain = {name: _PlainSession(graphs / f"{name}.onnx") for name in GRAPHS}
    reference = INSwapper.__new__(INSwapper)
    reference.input_size, reference.input_std, reference.input_mean = (128, 128), 255.0, 0.0
    reference.emap = np.eye(512, dtype=np.float32)
    reference.input_names, reference.output_names = ["target", "source"], ["output"]
    identity = SimpleNamespace(normed_embedding=UNIT)
    data = _jpeg(_photo(12))
    looked_at = {"input.1": np.zeros((1, 3, 640, 640), np.float32)}
    face_crop = {"data": np.zeros((1, 3, 112, 112), np.float32)}
    _, (_, cv_decode, cv_encode), (_, our_decode, our_encode) = _codecs("4:2:0")

    def theirs(opened: Mapping[str, Any]) -> None:
        reference.session = SimpleNamespace(
            run=lambda names, inputs: opened["inswapper"].run(inputs)
        )
        photo = cv_decode(data)
        (face,) = _faces(photo, 1, 968)
        opened["detector"].run(looked_at)
        opened["recogniser"].run(face_crop)
        cv_encode(reference.get(photo, SimpleNamespace(kps=face.kps), identity))

    def mine() -> None:
        photo = our_decode(data)
        ours["detector"].run(looked_at)
        our_encode(_swap(photo, _faces(photo, 1, 968), ours["inswapper"], in_place=True))

    work = {
        "insightface 2.1 as it comes": lambda: theirs(plain),
        "insightface 2.1 on our sessions": lambda: theirs(ours),
        "ours": mine,
    }
    costs = {name: _best(run, 3) for name, run in work.items()}
    best = costs["ours"]
    return [
        (
            name,
            f"{cost.wall:.0f} ms",
            f"{cost.cpu:.0f} ms",
            f"{cost.wall / best.wall:.2f}x",
            f"{cost.cpu / best.cpu:.2f}x",
        )
        for name, cost in costs.items()
    ]


def six_faces_rows(graphs: Path) -> list[tuple[object, ...]]:
    """Six faces of a 12 megapixel photo, inference and all, in turns with six bare inferences."""
    session = _sessions(graphs).get(graphs / "inswapper.onnx", _digest(graphs, "inswapper"))
    feed = {
        "target": np.zeros((1, 3, 128, 128), np.float32),
        "source": np.zeros((1, 512), np.float32),
    }
    photo = _photo(12)
    faces = _faces(photo, 6, 516)

    def bare() -> None:
        for _ in range(6):
            session.run(feed)

    alone, together = _best(bare, 2), _best(lambda: _swap(photo, faces, session), 2)
    return [(_text(together), _text(alone), f"{together.cpu / alone.cpu:.3f}")]


def cold_rows(graphs: Path) -> list[tuple[object, ...]]:
    """A fresh process each; the optimised copy exists already, as after the first start."""
    rows: list[tuple[object, ...]] = []
    for side in ("insightface", "ours", "ours"):
        answer = in_subprocess("bench.swap_neural", "--cold", side, "--graphs", str(graphs))
        rows.append(
            (
                side,
                _text(Cost(answer["wall_ms"], answer["cpu_ms"])),
                _text(Cost(answer["inference_wall_ms"], answer["inference_cpu_ms"])),
                f"{answer['peak_mb']:.0f} MB",
            )
        )
    return rows


def cold_ours(graphs: Path) -> dict[str, float]:
    """The imports above count too: time runs from the start of the process."""
    sessions = _sessions(graphs)
    opened = {name: sessions.get(graphs / f"{name}.onnx", _digest(graphs, name)) for name in GRAPHS}
    photo = _photo(2)
    faces = _faces(photo, 1, 395)
    started, started_cpu = time.perf_counter(), time.process_time()
    opened["detector"].run({"input.1": np.zeros((1, 3, 640, 640), np.float32)})
    ArcFace(opened["recogniser"]).embed(photo, faces[0].kps)
    opened["inswapper"].run(
        {
            "target": np.zeros((1, 3, 128, 128), np.float32),
            "source": np.zeros((1, 512), np.float32),
        }
    )
    inference = Cost(time.perf_counter() - started, time.process_time() - started_cpu)
    _swap(photo, faces, StubSession())
    return _cold(inference)


def cold_insightface(graphs: Path) -> dict[str, float]:
    """The same with insightface's own classes and sessions."""
    import onnxruntime
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX
    from insightface.model_zoo.inswapper import INSwapper

    detector = onnxruntime.InferenceSession(str(graphs / "detector.onnx"))
    recogniser = ArcFaceONNX(str(graphs / "recogniser.onnx"))
    swapper = INSwapper.__new__(INSwapper)
    # Its constructor prints; nothing else in it is avoided.
    model_file = str(graphs / "inswapper.onnx")
    with contextlib.redirect_stdout(io.StringIO()):
        swapper.__init__(model_file)  # type: ignore[misc]
    photo = _photo(2)
    (face,) = _faces(photo, 1, 395)
    started, started_cpu = time.perf_counter(), time.process_time()
    detector.run(None, {"input.1": np.zeros((1, 3, 640, 640), np.float32)})
    identity = SimpleNamespace(kps=face.kps)
    recogniser.get(photo, identity)
    swapper.session.run(
        None,
        {
            "target": np.zeros((1, 3, 128, 128), np.float32),
            "source": np.zeros((1, 512), np.float32),
        },
    )
    inference = Cost(time.perf_counter() - started, time.process_time() - started_cpu)
    swapper.session = StubSession()
    source = SimpleNamespace(normed_embedding=UNIT)
    swapper.get(photo, identity, source)
    return _cold(inference)


def int8_rows(graphs: Path) -> list[tuple[object, ...]]:
    """The 8-bit copy, calibrated on noise."""
    from models.store.quantize import Portrait, quantize_swapper

    sessions = _sessions(graphs)

    def open_session(path: Path) -> Any:
        return sessions.get(path, f"{path.stem}-{path.stat().st_mtime_ns}")

    photo = _photo(0.5)
    portraits = [Portrait(photo, face.kps) for face in _faces(photo, 2, 200)]
    report = quantize_swapper(
        graphs / "inswapper.onnx",
        graphs / "inswapper.int8.onnx",
        "int8",
        contract=_contract(),
        space=EmapSpace(np.eye(512, dtype=np.float32)),
        recogniser=ArcFace(open_session(graphs / "recogniser.onnx")),
        portraits=portraits,
        open_session=open_session,
    )
    ratio = report.original_ms / report.copy_ms
    return [(f"{report.original_ms:.0f} ms", f"{report.copy_ms:.0f} ms", f"{ratio:.2f}x")]


def _cold(inference: Cost) -> dict[str, float]:
    """What this process has cost since it was born; `inference` in seconds."""
    ticks = Path("/proc/self/stat").read_text().rsplit(") ", 1)[1].split()[19]
    born = int(ticks) / os.sysconf("SC_CLK_TCK")
    alive = time.clock_gettime(time.CLOCK_BOOTTIME) - born
    return {
        "wall_ms": 1000 * (alive - inference.wall),
        "cpu_ms": 1000 * (time.process_time() - inference.cpu),
        "inference_wall_ms": 1000 * inference.wall,
        "inference_cpu_ms": 1000 * inference.cpu,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Not ``getrusage``: its maximum outlives the start of a program and is the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / 1e6


def _swap(
    photo: NDArray[np.uint8], faces: Sequence[Face], session: Any, *, in_place: bool = False
) -> NDArray[np.uint8]:
    networks = Networks(FaceSwapper(session, _contract()), EmapSpace(np.eye(512, dtype=np.float32)))
    engine = NeuralEngine(KnownIdentity(), networks)
    options = NeuralOptions(in_place=in_place)
    session = engine.open([Source(photo, face) for face in faces], options)
    targets = [Target(face, number) for number, face in enumerate(faces)]
    return session.apply(photo, targets, measure=False).image


def _contract() -> SwapperContract:
    card = MANIFEST.card("inswapper_128").file().contract
    assert card is not None
    return SwapperContract.from_card(card, MANIFEST)


def _sessions(graphs: Path) -> SessionFactory:
    return SessionFactory(SessionConfig(providers=("cpu",), cache_dir=graphs / "cache"))


def _digest(graphs: Path, name: str) -> str:
    """A key of the session cache; reading half a gigabyte for a real digest is not measured."""
    stat = (graphs / f"{name}.onnx").stat()
    return f"{name}-{stat.st_size}-{stat.st_mtime_ns}"


def _photo(megapixels: float) -> NDArray[np.uint8]:
    width, height = SIZES[megapixels]
    small = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3))
    return cv2.resize(
        small.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR
    ).astype(np.uint8)


def _faces(photo: NDArray[np.uint8], count: int, side: float) -> list[Face]:
    """Upright faces in a row, their crops `side` px wide."""
    height, width = photo.shape[:2]
    template = _contract().template
    return [
        Face(
            box=np.zeros(4, np.float32),
            kps=((template - 0.5) * side + (width * (i + 0.5) / count, height / 2)).astype(
                np.float32
            ),
            landmarks=None,
            score=1.0,
            pose=Pose(yaw=0, pitch=0, roll=0),
            quality=Quality(width_px=side * 0.6, sharpness=12),
        )
        for i in range(count)
    ]


Codec = tuple[str, Callable[[bytes], NDArray[np.uint8]], Callable[[NDArray[np.uint8]], bytes]]


def _codecs(sampling: str) -> list[Codec]:
    """Pillow, OpenCV and what the site does: to and from upright BGR, at one chroma sampling."""
    import simplejpeg
    from PIL import Image, ImageOps

    from models.pixels.imaging import decode_image, encode_jpeg

    whole = sampling == "4:4:4"
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if whole else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]

    def pillow_decode(data: bytes) -> NDArray[np.uint8]:
        pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)

    def pillow_encode(pixels: NDArray[np.uint8]) -> bytes:
        out = io.BytesIO()
        image = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        image.save(out, "JPEG", quality=92, subsampling=sampling)
        return out.getvalue()

    def cv_decode(data: bytes) -> NDArray[np.uint8]:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return pixels.astype(np.uint8, copy=False)

    def cv_encode(pixels: NDArray[np.uint8]) -> bytes:
        return cv2.imencode(".jpg", pixels, parameters)[1].tobytes()

    def our_encode(pixels: NDArray[np.uint8]) -> bytes:
        # The site keeps the whole chroma; only to be compared it halves it here.
        if whole:
            return encode_jpeg(pixels, 92)
        encoded: bytes = simplejpeg.encode_jpeg(pixels, 92, "BGR", "420", fastdct=False)
        return encoded

    return [
        ("Pillow", pillow_decode, pillow_encode),
        ("OpenCV", cv_decode, cv_encode),
        ("faceweb", decode_image, our_encode),
    ]


def _jpeg(photo: NDArray[np.uint8]) -> bytes:
    """A JPEG that must be turned by a quarter to be seen upright."""
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    out = io.BytesIO()
    Image.fromarray(photo[:, :, ::-1]).save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


def _best(work: Callable[[], object], runs: int) -> Cost:
    """The shortest of some runs after one that warms up."""
    work()
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Cost(1000 * min(walls), 1000 * min(cpus))


def _text(cost: Cost) -> str:
    digits = 1 if cost.wall < 100 else 0
    return f"{cost.wall:.{digits}f} ms ({cost.cpu:.{digits}f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def _versions() -> list[str]:
    names = ("onnxruntime", "opencv-python-headless", "numpy", "insightface")
    return [f"{name} {version(name)}" for name in names]


Rows = Callable[[Path], list[tuple[object, ...]]]
SECTIONS: dict[str, tuple[str, tuple[str, ...], Rows]] = {
    "overhead": (
        "Everything but inference: crop, colour, mask, paste and, unless in place, one copy of "
        "the photo. The share of inference is of CPU time.",
        ("photo", "faces", "insightface", "ours", "ours in place", "ratio", "of inference"),
        overhead_rows,
    ),
    "fixed-crop": (
        f"One face with a crop of {FIXED_CROP_PX} px, in place, by size of the photo.",
        ("photo", "ours in place"),
        fixed_crop_rows,
    ),
    "codecs": (
        "A JPEG of 12 megapixels, turned by EXIF, to upright pixels and back.",
        ("library", "decode", "encode", "both, CPU"),
        codec_rows,
    ),
    "end-to-end": (
        "JPEG in to JPEG out, 12 megapixels, one face, the same graphs.",
        ("", "wall", "CPU", "wall to ours", "CPU to ours"),
        end_to_end_rows,
    ),
    "six-faces": (
        "Six faces in one photo of 12 megapixels against six bare inferences.",
        ("six faces", "6 x inference", "ratio, CPU"),
        six_faces_rows,
    ),
    "cold": (
        "A cold worker to its first result; the optimised copies exist, as after its first start.",
        ("", "without inference", "inference", "peak memory"),
        cold_rows,
    ),
    "int8": (
        "The 8-bit copy of the swapper. Random weights: time only.",
        ("fp32", "int8", "times as fast"),
        int8_rows,
    ),
}

if __name__ == "__main__":
    main()
