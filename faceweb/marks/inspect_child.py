"""Looks for marks in a stranger's file: run as a process of its own, after it was decoded.

What content credentials are read with is native code that meets the file as it was sent, so it runs
where `faceweb.media.decode_child` runs: no Django, no database, no secrets, and limits that the
process puts on itself before it looks at the file.

Usage: ``python -I inspect_child.py FOLDER REDUCTION``. It reads ``FOLDER/upload``, the clean copy
``FOLDER/original`` at a ``REDUCTION``-th of its size (1, 2 or 4) and ``FOLDER/roots.pem``, and
prints two lines of JSON: first what the pixels and the XMP say, then, since that may end badly, the
content credentials.
"""

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

MEMORY_BYTES = 1536 * 1024**2


def main(folder: Path, reduction: int) -> None:
    """Print what is found, line by line."""
    # Native libraries are loaded before the limits hold and the file is opened.
    import c2pa  # noqa: F401
    import cv2

    from faceweb.marks import inspection
    from faceweb.media.decode_child import limit_resources

    cv2.setNumThreads(1)
    limit_resources(MEMORY_BYTES)
    upload = (folder / "upload").read_bytes()
    _say({"looks": inspection.looks_read(folder / "original", reduction, upload)})
    roots = (folder / "roots.pem").read_text(encoding="ascii")
    credentials = inspection.credentials_read(upload, roots)
    _say({"credentials": credentials.to_dict() if credentials else None})


def _say(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


def _bare_package() -> None:
    """Make ``faceweb`` importable without what its start brings along: settings, Celery, Django."""
    root = Path(__file__).resolve().parent.parent
    package = types.ModuleType("faceweb")
    package.__path__ = [str(root)]
    sys.modules["faceweb"] = package


if __name__ == "__main__":
    _bare_package()
    main(Path(sys.argv[1]), int(sys.argv[2]))
    os._exit(0)
