"""Nothing phones home: no name is asked for and nothing outside this machine is connected to."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from faceweb.core.weights import weight_store

ROOT = Path(__file__).resolve().parent.parent
WATCH = ROOT / "tests" / "network_watch.py"
# The libraries' reports begin some ten seconds after they are loaded.
REPORTS_BEGIN = 25.0


def watched(seconds: float, *command: str, data_dir: Path, **environment: str) -> dict[str, Any]:
    """What a command asked for and connected to, in a network of its own; or a skip."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FACEWEB_")}
    # What this test is about must not come from the environment of whoever runs it.
    inherited.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(
        ["unshare", *_as_root(), "-n", "-m", sys.executable, WATCH, str(seconds), *command],
        cwd=ROOT,
        env={
            **inherited,
            "HOME": str(data_dir),
            "TMPDIR": "/tmp",
            "FACEWEB_DEBUG": "true",
            "FACEWEB_DATA_DIR": str(data_dir),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=seconds + 120,
    )
    if done.returncode:
        pytest.skip(f"no network namespace to be had here: {done.stderr.strip()[-200:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["-r"]


def outside(found: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The names asked for, but for this machine's own, and the addresses connected to."""
    names = [name for name in found["names"] if name not in {"localhost", "localhost.localdomain"}]
    return names, found["addresses"]


def test_the_watcher_sees_look_ups_and_connections(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "print(socket.getaddrinfo('reports.example', 443))\n"
        "for address in ('203.0.113.9', '127.0.0.1'):\n"
        "    try: socket.create_connection((address, 443), 1)\n"
        "    except OSError: pass\n"
    )
    found = watched(20, sys.executable, "-c", code, data_dir=tmp_path)
    assert outside(found) == (["reports.example"], ["203.0.113.9"])


@pytest.mark.parametrize(
    "entry",
    [
        "import models",
        "import faceweb",
        "import editing.export",
        "import bench.swap_classic",
    ],
)
def test_whatever_is_imported_first_the_networks_report_nothing(entry: str, tmp_path: Path) -> None:
    code = (
        f"{entry}\nimport onnxruntime, time\n"
        "onnxruntime.SessionOptions(); onnxruntime.get_available_providers()\n"
        "try: onnxruntime.InferenceSession(b'none')\n"
        "except Exception: pass\n"
        "time.sleep(15)\n"
    )
    found = watched(120, sys.executable, "-c", code, data_dir=tmp_path)
    assert outside(found) == ([], []), found["output"]
    assert found["code"] == 0, found["output"]
    assert not list(tmp_path.rglob("*")), "nothing is left in the home folder"


@pytest.mark.parametrize("command", [("check",), ("doctor",), ("models", "list")])
def test_commands_ask_nobody(command: tuple[str, ...], tmp_path: Path) -> None:
    found = watched(90, sys.executable, "manage.py", *command, data_dir=tmp_path)
    assert outside(found) == ([], []), found["output"]


@pytest.mark.stack
def test_a_whole_site_reports_to_nobody() -> None:
    builtin = [card.key for card in weight_store().manifest.cards.values() if card.builtin]
    # Short, because a unix socket's path must be.
    with tempfile.TemporaryDirectory(prefix="faceweb-", dir="/tmp") as folder:
        found = watched(
            60 + REPORTS_BEGIN,
            *(sys.executable, "manage.py", "up"),
            data_dir=Path(folder),
            # Fetching these is asked for, and from their publishers.
            FACEWEB_NETWORKS_OFF=",".join(builtin),
        )
    assert "ready" in found["output"].lower() or "http://" in found["output"], found["output"]
    assert outside(found) == ([], []), found["output"]
