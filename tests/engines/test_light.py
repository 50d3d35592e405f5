"""What pages ask of engines loads no vision; nobody but the engines knows which ones there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

_ASK = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"cv2", "onnxruntime", "dlib", "insightface", "torch"}:
            raise ImportError(f"{name} is not for pages")

sys.meta_path.insert(0, Forbidden())

from pathlib import Path
from models.engine_registry import choose_engine, load_specs
from models.engines import Machine
from models.store.weights import WeightStore

def never():
    raise AssertionError("nothing is opened to make an offer")

folder = Path(sys.argv[1])
settings = {"STYLEGAN_DIR": folder / "none", "DIRECTIONS_DIR": folder}
machine = Machine(WeightStore.open(folder), never, never, settings)
for kind in ("swaps", "editing"):
    modules = __import__(f"{kind}.engines", fromlist=["MODULES"]).MODULES
    specs = load_specs(modules)
    for spec in specs:
        offer = spec.offer(machine)
        assert spec.label and (offer.missing or len(offer.options)), spec.name
    assert choose_engine(specs, "auto", machine).offer.missing == ""
print("light")
"""


def test_engines_are_declared_without_vision(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "light", done.stderr


ENGINES = re.compile(r"(swaps|editing)/engines/|editing/export/|editing/directions|.*/migrations/")
"""Where engines may be named."""


@pytest.mark.parametrize("word", ["classic", "neural"])
def test_no_engine_is_named_outside_the_engines(word: str) -> None:
    """Pages, recipes and commands know engines by their schema alone."""
    found = []
    for folder in ("faceweb", "swaps", "editing", "templates", "static"):
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT).as_posix()
            if path.suffix not in {".py", ".html", ".js"} or re.match(
                r"(swaps|editing)/engines/|editing/export/|editing/directions|.*/migrations/",
                inside,
            ):
                continue
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [
                f"{inside}: {line}" for line in lines if re.search(rf"\b{word}\b", line, re.I)
            ]
    assert found == []
