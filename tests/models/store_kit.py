"""What tests of the weights store share: a real HTTP server with bad manners, small ONNX graphs."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.store import Manifest, Patience, WeightStore

IMPATIENT = Patience(attempts=3, timeout=5.0, pause=0.0)

MANIFEST = """
[licences.house]
name = "House licence"
url = "https://example.org/licence"
summary = "For tests."
forbids = ["selling it"]

[templates.square]
points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]

[cards.net]
title = "A network"
vendor = "Nobody"
year = 2020
licence = "house"
recommended = true
[[cards.net.files]]
name = "net.onnx"
url = "https://example.org/net.onnx"
bytes = {net_bytes}
sha256 = "{net_sha256}"
contract = {{ task = "parsing", template = "square", size = 8, mean = 0.5, std = [0.1, 0.2, 0.3] }}

[cards.pack]
title = "A pack"
vendor = "Nobody"
year = 2021
licence = "house"
archive = {{ name = "pack.zip", url = "https://example.org/pack.zip", sha256 = "{zip_sha256}" }}
[[cards.pack.files]]
name = "a.onnx"
sha256 = "{net_sha256}"
bytes = {net_bytes}
[[cards.pack.files]]
name = "b.bin"
sha256 = "{bin_sha256}"

[cards.own]
title = "Yours"
vendor = "You"
year = 2022
licence = "house"
bring_your_own = true
[[cards.own.files]]
name = "own.onnx"
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def conv_model(
    *, batch: int | str = 1, channels: int = 4, size: int = 8, domain: str = "", seed: int = 0
) -> onnx.ModelProto:
    """x (batch, 3, size, size) -> two convolutions -> y, weights random."""
    random = np.random.default_rng(seed)
    weights = [
        numpy_helper.from_array(random.standard_normal(shape, dtype=np.float32), name)
        for name, shape in (("w1", (channels, 3, 3, 3)), ("w2", (3, channels, 3, 3)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["h"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["h"], ["r"], domain=domain),
        helper.make_node("Conv", ["r", "w2"], ["y"], pads=[1, 1, 1, 1]),
    ]
    shape: list[Any] = [batch, 3, size, size]
    graph = helper.make_graph(
        nodes,
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        weights,
    )
    return finished(graph, domain=domain)


def finished(graph: onnx.GraphProto, *, opset: int = 17, domain: str = "") -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


@dataclass
class World:
    """A server's content, a manifest that pins it, and a store that fetches from it."""

    net: bytes
    binary: bytes
    archive: bytes
    manifest: Manifest
    folder: Path

    def store(self, mirror: str, *, accept: bool = True) -> WeightStore:
        store = WeightStore(self.folder, manifest=self.manifest, mirror=mirror, patience=IMPATIENT)
        if accept:
            store.accept(self.manifest.licences["house"])
        return store

    def serve_from(self, root: Path, *, archive: bool = True) -> None:
        """Lay the files out as a mirror wants them."""
        for name, data in self.layout(archive=archive).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def layout(self, *, archive: bool = True) -> dict[str, bytes]:
        files = {"net/net.onnx": self.net}
        if archive:
            return files | {"pack/pack.zip": self.archive}
        return files | {"pack/a.onnx": self.net, "pack/b.bin": self.binary}


def make_world(tmp_path: Path) -> World:
    net = conv_model().SerializeToString()
    binary = np.random.default_rng(1).bytes(300_000)
    zip_path = tmp_path / "made.zip"
    with zipfile.ZipFile(zip_path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("inner/a.onnx", net)
        opened.writestr("inner/b.bin", binary)
        opened.writestr("inner/readme.txt", b"not wanted")
    archive = zip_path.read_bytes()
    manifest_path = tmp_path / "manifest.toml"
    manifest_path.write_text(
        MANIFEST.format(
            net_bytes=len(net),
            net_sha256=sha256(net),
            zip_sha256=sha256(archive),
            bin_sha256=sha256(binary),
        ),
        encoding="utf-8",
    )
    return World(net, binary, archive, Manifest.read(manifest_path), tmp_path / "weights")


@dataclass
class Site:
    """What the server serves, how it misbehaves, and what it was asked.

    Attributes:
        files: path without the leading slash -> content.
        drop_after: break the connection after so many bytes of an answer, once for each entry.
        ignore_range: answer 200 with everything to a request for a part.
        statuses: answer these codes first, one for each request.
        asked: (path, Range header) of every request.
    """

    files: dict[str, bytes]
    drop_after: list[int] = field(default_factory=list)
    ignore_range: bool = False
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve `site` on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path.lstrip("/"), self.headers.get("Range")))
            if site.statuses:
                self.send_error(site.statuses.pop(0))
                return
            data = site.files.get(self.path.lstrip("/"))
            if data is None:
                self.send_error(404)
                return
            start = 0
            wanted = self.headers.get("Range")
            if wanted and not site.ignore_range:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end = len(data)
            if site.drop_after:
                end = start + site.drop_after.pop(0)
            self.wfile.write(data[start:end])
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: pytest shows what failed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
