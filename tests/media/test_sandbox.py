"""The child that opens untrusted files: how much of its answer is read, when it is ended."""

from pathlib import Path

import pytest

from faceweb.media import sandbox

TALKATIVE = "import sys; sys.stdout.write('x' * 5_000_000)"
SILENT = "import time; time.sleep(60)"


def script(folder: Path, text: str) -> str:
    path = folder / "child.py"
    path.write_text(text)
    return str(path)


def test_only_the_beginning_of_an_answer_is_read(tmp_path: Path) -> None:
    said, returncode = sandbox.child_run(script(tmp_path, TALKATIVE), tmp_path, answer_bytes=100)
    assert (said, returncode) == (b"x" * 100, 0)


def test_by_default_an_answer_is_short(tmp_path: Path) -> None:
    said, _ = sandbox.child_run(script(tmp_path, TALKATIVE), tmp_path)
    assert len(said) == sandbox.ANSWER_BYTES <= 4096


def test_a_child_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 1)
    said, returncode = sandbox.child_run(script(tmp_path, SILENT), tmp_path)
    assert (said, returncode) == (b"", None)
