"""What loading a swapper costs: ``python -m bench.sessions``.

A graph of inswapper's size (about 137 M parameters, 549 MB, 160 GMAC) with random weights is
loaded as it is and by way of its optimised copy, each in a process of its own, and two processes
hold it at once. Aims, with the file in the page cache: loaded in 0.2 s; at most 300 MB private to
the second process. Beside it, what looking into the file costs by walking it and by parsing it.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper

from models.sessions import SessionConfig, SessionFactory
from models.sessions.runtime import trial_inputs
from models.store import read_onnx, read_tensor
from models.store.onnx_file import check_onnx

STYLE_BLOCKS = 12
WIDTH = 1024
DIGEST = "0" * 64
MB = 1e6


class Builder:
    """Nodes and random weights of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def weight(self, name: str, shape: tuple[int, ...], scale: float) -> str:
        values = self._random.standard_normal(shape, dtype=np.float32) * np.float32(scale)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def conv(self, x: str, before: int, after: int, side: int, stride: int = 1) -> str:
        scale = (2 / (before * side * side)) ** 0.5
        name = self.weight(f"w{len(self.nodes)}", (after, before, side, side), scale)
        bias = self.weight(f"b{len(self.nodes)}", (after,), 0.0)
        pads = [side // 2] * 4
        return self.node("Conv", x, name, bias, pads=pads, strides=[stride, stride])

    def styled(self, x: str, latent: str) -> str:
        """A convolution whose channels are normalised, then scaled and moved by the latent."""
        x = self.conv(x, WIDTH, WIDTH, 3)
        number = len(self.nodes)
        ones = self.weight(f"one{number}", (WIDTH,), 1.0)
        x = self.node("InstanceNormalization", x, ones, self.weight(f"z{number}", (WIDTH,), 0.0))
        style = self.node("MatMul", latent, self.weight(f"s{number}", (512, 2 * WIDTH), 0.04))
        style = self.node("Reshape", style, "style_shape")
        scale, shift = f"scale{number}", f"shift{number}"
        self.nodes.append(helper.make_node("Split", [style], [scale, shift], axis=1))
        x = self.node("Add", self.node("Mul", x, scale), shift)
        return self.node("LeakyRelu", x, alpha=0.2)


def swapper_model() -> onnx.ModelProto:
    """(1, 3, 128, 128) and a latent (1, 512) -> (1, 3, 128, 128); the emap comes last."""
    build = Builder()
    build.weights.append(
        numpy_helper.from_array(np.array([1, 2 * WIDTH, 1, 1], np.int64), "style_shape")
    )
    build.weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice"))
    x = build.node("LeakyRelu", build.conv("target", 3, 128, 7), alpha=0.2)
    x = build.node("LeakyRelu", build.conv(x, 128, 512, 3, stride=2), alpha=0.2)
    x = build.node("LeakyRelu", build.conv(x, 512, WIDTH, 3, stride=2), alpha=0.2)
    for _ in range(STYLE_BLOCKS):
        x = build.styled(x, "source")
    for before, after in ((WIDTH, 512), (512, 256)):
        x = build.conv(build.node("Resize", x, "", "twice"), before, after, 3)
        x = build.node("LeakyRelu", x, alpha=0.2)
    x = build.node("Tanh", build.conv(x, 256, 3, 7))
    build.weight("emap", (512, 512), 1.0)
    image = [1, 3, 128, 128]
    graph = helper.make_graph(
        build.nodes,
        "swapper",
        [
            helper.make_tensor_value_info("target", TensorProto.FLOAT, image),
            helper.make_tensor_value_info("source", TensorProto.FLOAT, [1, 512]),
        ],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, image)],
        build.weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def child(path: Path, cache: Path | None) -> None:
    """Load and run once, print the figures, then hold everything until the input ends."""
    process = psutil.Process()
    before = process.memory_full_info()
    factory = SessionFactory(SessionConfig(cache_dir=cache))
    begun = time.perf_counter()
    session = factory.get(path, DIGEST)
    loaded = time.perf_counter() - begun
    inputs = trial_inputs(session)
    begun = time.perf_counter()
    session.run(inputs)
    ran = time.perf_counter() - begun
    after = process.memory_full_info()
    figures = {
        "load_s": loaded,
        "run_s": ran,
        "rss_mb": (after.rss - before.rss) / MB,
        "private_mb": (after.uss - before.uss) / MB,
        "pss_mb": (after.pss - before.pss) / MB,
    }
    print(json.dumps(figures), flush=True)
    sys.stdin.read()


class Child:
    """A process of its own that holds the model, by its figures."""

    def __init__(self, path: Path, cache: Path | None) -> None:
        command = [sys.executable, "-m", "bench.sessions", "--child", str(path)]
        self._process = subprocess.Popen(
            [*command, "--cache", str(cache)] if cache else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.figures: dict[str, float] = json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.communicate()


def report(name: str, figures: dict[str, float]) -> None:
    """One line."""
    print(
        f"{name:34} load {figures['load_s']:6.3f} s   run {figures['run_s']:6.2f} s   "
        f"resident +{figures['rss_mb']:4.0f}   shared-out +{figures['pss_mb']:4.0f}   "
        f"private +{figures['private_mb']:4.0f} MB"
    )


def looking_into(path: Path) -> None:
    """What it costs to check the file and to read the emap, by walk and by parsing."""
    begun = time.perf_counter()
    check_onnx(path)
    checked = time.perf_counter() - begun
    begun = time.perf_counter()
    emap = read_tensor(path, read_onnx(path).initializers[-1])
    walked = time.perf_counter() - begun
    begun = time.perf_counter()
    parsed = numpy_helper.to_array(onnx.load(path, load_external_data=False).graph.initializer[-1])
    whole = time.perf_counter() - begun
    if not np.array_equal(emap, parsed):
        raise SystemExit("the walk and onnx disagree about the emap")
    print(
        f"check {checked * 1e3:.1f} ms, emap by walk {walked * 1e3:.1f} ms, by onnx.load", end=" "
    )
    print(f"{whole * 1e3:.0f} ms")


def main() -> None:
    """Print one line per way of loading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", type=Path)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if arguments.child:
        child(arguments.child, arguments.cache)
        return
    with tempfile.TemporaryDirectory(prefix="faceweb-bench-") as folder:
        path, cache = Path(folder) / "swapper.onnx", Path(folder) / "cache"
        onnx.save(swapper_model(), path)
        print(f"model: {path.stat().st_size / MB:.0f} MB")
        looking_into(path)
        for name, used in (
            ("as it is", None),
            ("copy is made and proved", cache),
            ("by its copy", cache),
            ("by its copy, again", cache),
        ):
            one = Child(path, used)
            one.stop()
            report(name, one.figures)
        for name, used in (("second process, as it is", None), ("second, by the copy", cache)):
            first = Child(path, used)
            second = Child(path, used)
            report(name, second.figures)
            second.stop()
            first.stop()


if __name__ == "__main__":
    main()
