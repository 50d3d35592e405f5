"""The house itself: locks, documents and the start script agree with the code."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-gpu.lock")


def lock_lines(name: str) -> set[str]:
    """A lock's requirements, markers included, hashes and continuations cut off."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return {line.split("--hash")[0].strip() for line in text.splitlines() if line.strip()}


def variables_read() -> set[str]:
    """Every FACEWEB_ variable that the site's code asks `faceweb.env` for."""
    found = set()
    for path in (ROOT / "faceweb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr.startswith("get_")
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                found.add(f"FACEWEB_{node.args[0].value}")
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_exactly_and_names_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|--extra-index", text)
    assert all(re.match(r"^[a-z0-9-]+==[^ ]+( ;.*)?$", line) for line in lock_lines(name))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_one_opencv_and_one_onnxruntime(name: str) -> None:
    packages = {line.split("==")[0] for line in lock_lines(name)}
    assert {p for p in packages if p.startswith("opencv")} == {"opencv-python-headless"}
    runtime = "onnxruntime-gpu" if "gpu" in name else "onnxruntime"
    assert {p for p in packages if p.startswith("onnxruntime")} == {runtime}


def test_the_locks_differ_only_where_they_must() -> None:
    cpu, gpu, dev = (lock_lines(f"requirements{suffix}.lock") for suffix in ("", "-gpu", "-dev"))
    assert {line.split("==")[0] for line in cpu ^ gpu} == {"onnxruntime", "onnxruntime-gpu"}
    versions = {line.split(" ;")[0] for line in dev}
    assert {line.split(" ;")[0] for line in cpu} <= versions


def test_every_setting_is_documented_and_nothing_else() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(FACEWEB_[A-Z0-9_]+)`", text, re.MULTILINE))
    assert documented == variables_read()


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_links_between_documents_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert missing == []


@pytest.fixture
def fresh_checkout(tmp_path: Path) -> Path:
    """The start script in a folder of its own, with locks that ask for nothing."""
    checkout = tmp_path / "a checkout with spaces"
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "bootstrap.py", checkout / "scripts")
    for name in LOCKS:
        (checkout / name).write_text("", encoding="utf-8")
    return checkout


def bootstrap(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = checkout / "scripts" / "bootstrap.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_packages_are_installed_when_a_lock_changes_and_only_then(fresh_checkout: Path) -> None:
    first = bootstrap(fresh_checkout)
    assert (fresh_checkout / ".venv" / "bin" / "python").exists()
    assert "Making .venv" in first.stderr
    assert "Installing requirements.lock" in first.stderr
    assert bootstrap(fresh_checkout).stderr == ""

    (fresh_checkout / "requirements.lock").write_text("# another\n", encoding="utf-8")
    changed = bootstrap(fresh_checkout).stderr
    assert "Making" not in changed
    assert "Installing requirements.lock" in changed

    (fresh_checkout / "requirements-dev.lock").write_text("# more\n", encoding="utf-8")
    assert "Installing requirements-dev.lock" in bootstrap(fresh_checkout, "--dev").stderr
    # What the development lock installed serves `make run` too.
    assert bootstrap(fresh_checkout).stderr == ""


def test_an_old_python_is_told_so(fresh_checkout: Path) -> None:
    script = fresh_checkout / "scripts" / "bootstrap.py"
    pretend = (
        "import sys, runpy; sys.version_info = (3, 9, 2); "
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; this one is 3.9" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (fresh_checkout / ".venv").exists()
