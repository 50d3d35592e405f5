"""Where the dlib models that come with pip lie."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def bundled_weights(file_name: str) -> Path:
    """Path of a ``.dat`` file of the ``face_recognition_models`` distribution.

    The package is located but not imported: its import needs ``pkg_resources``, which current
    setuptools no longer has.

    Raises:
        FileNotFoundError: the package or the file is missing.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package face_recognition_models is not installed")
    path = Path(spec.origin).parent / "models" / file_name
    if not path.is_file():
        raise FileNotFoundError(f"{file_name} is missing from face_recognition_models")
    return path
