"""Where the built-in networks lie that this checkout has fetched."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILTIN_FILES = {
    "finder": "yunet.onnx",
    "mesh": "mesh.onnx",
    "parser": "parser.onnx",
    "identity": "sface.onnx",
}
"""Card -> file of the networks that `manage.py models fetch` brings."""
BUILTIN_WEIGHTS = Path(os.environ.get("FACEWEB_DATA_DIR", ROOT / "var")) / "weights"
