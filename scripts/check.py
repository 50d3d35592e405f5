"""Everything ``make check`` looks at; says one line for what is well, all of it for what is not."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

CHECKS: dict[str, list[str]] = {
    "ruff": ["-m", "ruff", "check", "--quiet", "."],
    "format": ["-m", "ruff", "format", "--check", "--quiet", "--diff", "."],
    "types": ["-m", "mypy"],
    "layers": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "circles": ["scripts/circles.py"],
    "floors": ["scripts/floors.py"],
    "drawing": ["scripts/drawing.py", "--check"],
    "templates": ["-m", "djlint", "templates", "--lint", "--quiet"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
    "deployment": ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
}


def main() -> None:
    failed = []
    with tempfile.TemporaryDirectory(prefix="faceweb-check-") as data_dir:
        environment = production(Path(data_dir))
        for name, arguments in CHECKS.items():
            started = time.monotonic()
            result = subprocess.run(
                [PYTHON, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            seconds = time.monotonic() - started
            verdict = "ok" if result.returncode == 0 else "FAILED"
            say(f"{name:<12}{verdict:<8}{seconds:5.1f} s")
            if result.returncode:
                failed.append(name)
                say(result.stdout.rstrip() + "\n")
    if failed:
        sys.exit(f"make check: {', '.join(failed)} failed")


def production(data_dir: Path) -> dict[str, str]:
    """The environment of a site that people would use, with nothing of this machine's own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("FACEWEB_")}
    return {
        **own,
        "FACEWEB_DEBUG": "false",
        "FACEWEB_DATA_DIR": str(data_dir),
        "FACEWEB_SECRET_KEY": secrets.token_urlsafe(64),
        "FACEWEB_PUBLIC_BASE_URL": "https://faceweb.example",
        "FACEWEB_REDIS_URL": "redis://localhost:6379",
        "FACEWEB_SMTP_HOST": "mail.example",
    }


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
