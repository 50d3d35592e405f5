"""What ``python -m editing.export`` writes: graphs, and a record of what they were made from.

Light to import: pages ask whether there is an export and load none of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.networks.errors import ContractError

RECORD_NAME: Final = "stylegan.json"
ENCODER_NAME: Final = "encoder.onnx"
GENERATOR_NAME: Final = "generator.onnx"
PREVIEW_NAME: Final = "preview.onnx"


@dataclass(frozen=True)
class Export:
    """Where exported graphs lie, and what they were made from.

    Attributes:
        encoder, generator: the graphs' files.
        size: side of the generator's images in pixels.
        digests: SHA-256 by file name.
        source_sha256: of the checkpoint.
        preview: the same generator stopped at fewer pixels, or None where none was written.
    """

    encoder: Path
    generator: Path
    size: int
    digests: dict[str, str]
    source_sha256: str
    preview: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> Export:
        """The export in `folder`, its graphs not yet hashed.

        Raises:
            ContractError: there is none, a file is missing, or the record is damaged.
        """
        try:
            record = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
            names = [ENCODER_NAME, GENERATOR_NAME]
            if PREVIEW_NAME in record["sha256"]:
                names.append(PREVIEW_NAME)
            export = cls(
                encoder=folder / ENCODER_NAME,
                generator=folder / GENERATOR_NAME,
                size=int(record["size"]),
                digests={name: _digest(record["sha256"][name]) for name in names},
                source_sha256=_digest(record["source_sha256"]),
                preview=folder / PREVIEW_NAME if PREVIEW_NAME in names else None,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ContractError(f"no usable record of an export: {error!r}") from error
        for name in names:
            if not (folder / name).is_file():
                raise ContractError(f"{name} is missing from the export")
        return export


def write_record(folder: Path, *, size: int, source_sha256: str, figures: dict[str, Any]) -> None:
    """Writes beside the graphs in `folder` what :meth:`Export.read` needs, digests included."""
    names = (ENCODER_NAME, GENERATOR_NAME, PREVIEW_NAME)
    record = {
        "size": size,
        "source_sha256": source_sha256,
        "sha256": {name: file_sha256(folder / name) for name in names if (folder / name).is_file()},
        **figures,
    }
    partial = folder / f"{RECORD_NAME}.part"
    partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / RECORD_NAME)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("not a SHA-256")
    return value
