"""Make ``.venv`` and install a lock into it, only when either has changed.

Runs on the system's Python before anything is installed, so it uses the standard library alone and
syntax that an old Python can still read far enough to say that it is too old.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

NEEDED = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# The digests of the locks that this environment satisfies, one a line.
STAMP = VENV / "installed-locks"
RUNTIME_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"


def main() -> None:
    if sys.version_info < NEEDED:
        sys.exit(
            "faceweb needs Python {}.{} or newer; this one is {}.{}. Name a newer one: "
            "make run PYTHON=python3.12".format(*NEEDED, *sys.version_info[:2])
        )
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="install what tests and checks need too")
    lock = DEV_LOCK if parser.parse_args().dev else RUNTIME_LOCK

    if not _works():
        _say("Making .venv ...")
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        if made.returncode:
            sys.exit(
                "Python could not make a virtual environment here. "
                "On Debian and Ubuntu its package for that is python3-venv."
            )
    if _digest(lock) in _installed():
        return

    _say(f"Installing {lock.name} (minutes the first time) ...")
    # Without dependency resolution: the lock names everything, and insightface would otherwise
    # bring a second OpenCV and a second onnxruntime.
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)])
    if installed.returncode:
        sys.exit("The packages could not be installed; pip said why above. Then start again.")
    # The development lock holds everything of the runtime lock.
    locks = {lock, RUNTIME_LOCK}
    STAMP.write_text("".join(f"{_digest(each)}\n" for each in sorted(locks)), encoding="utf-8")


def _works() -> bool:
    """Whether the environment's Python still runs: its base may have been removed or moved."""
    if not PYTHON.exists():
        return False
    probe = [str(PYTHON), "-c", f"import pip, sys; sys.exit(sys.version_info < {NEEDED})"]
    return subprocess.run(probe, capture_output=True).returncode == 0


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _installed() -> "set[str]":
    try:
        return set(STAMP.read_text(encoding="utf-8").split())
    except OSError:
        return set()


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


if __name__ == "__main__":
    main()
