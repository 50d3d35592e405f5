"""StyleGAN2 and the e4e encoder as exported graphs: a photo to W+, W+ to a face.

W+ is one style vector per layer of the generator, float32 (L, 512) with L = 2 log2(size) - 2:
18 for 1024 px, 16 for 512, 14 for 256. The encoder's graph adds the average latent itself, and the
generator's noise is constant, so that equal latents give equal faces.

Tov et al., "Designing an encoder for StyleGAN image manipulation", SIGGRAPH 2021 (e4e);
Karras et al., "Analyzing and improving the image quality of StyleGAN", CVPR 2020 (StyleGAN2).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, fixed_size, single_input
from models.pixels.imaging import Image

RECORD_NAME: Final = "stylegan.json"
ENCODER_NAME: Final = "encoder.onnx"
GENERATOR_NAME: Final = "generator.onnx"
PREVIEW_NAME: Final = "preview.onnx"
ENCODER_SIZE: Final = 256
_HALF: Final = (0.5, 0.5, 0.5)
_RGB: Final = ImageTensor(ENCODER_SIZE, mean=_HALF, std=_HALF)


class Encoder:
    """Crops of the FFHQ frame to W+.

    Raises:
        ContractError: the graph does not take one image or does not give one latent.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = single_input(session)
        shape = fixed_size(session.get_outputs()[0], (1, 2))
        if shape is None:
            raise ContractError("the encoder's graph does not state the shape of its latents")
        self.layers, self.width = shape

    def encode(self, crops: Image) -> FloatArray:
        """W+, float32 (N, layers, width), of `crops`, uint8 (N, 256, 256, 3) BGR.

        Raises:
            ValueError: the crops are not of that size.
        """
        latents: FloatArray = self._session.run({self._input: _RGB.encode(crops)})[0]
        return latents


class Generator:
    """W+ to faces.

    Raises:
        ContractError: the graph does not take one batch of latents or does not give square images.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = single_input(session)
        latent = fixed_size(session.get_inputs()[0], (1, 2))
        image = fixed_size(session.get_outputs()[0], (1, 2, 3))
        if latent is None or image is None or image != (3, image[-1], image[-1]):
            raise ContractError("the generator's graph does not turn latents into square images")
        self.layers, self.width = latent
        self.size = image[-1]

    def synthesise(self, latents: FloatArray) -> FloatArray:
        """Faces of `latents`, float32 (N, layers, width), run as one batch.

        Returns:
            float32 (N, size, size, 3) BGR in 8-bit levels, 0 to 255 and not clipped: the
            difference of two faces must not lose what lies beyond.
        """
        images = self._session.run({self._input: np.ascontiguousarray(latents, np.float32)})[0]
        levels = images.transpose(0, 2, 3, 1)[..., ::-1] * np.float32(127.5)
        levels += np.float32(127.5)
        return np.ascontiguousarray(levels)


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

    def open(self, get_session: Callable[[Path, str], Session]) -> tuple[Encoder, Generator]:
        """Both networks, their sessions made by ``get_session(path, sha256)``.

        Raises:
            ContractError: the two graphs do not belong together.
        """
        encoder = Encoder(get_session(self.encoder, self.digests[ENCODER_NAME]))
        generator = Generator(get_session(self.generator, self.digests[GENERATOR_NAME]))
        latents_fit = (encoder.layers, encoder.width) == (generator.layers, generator.width)
        if not latents_fit or generator.size != self.size:
            raise ContractError("encoder and generator are not of one export")
        return encoder, generator

    def open_preview(self, get_session: Callable[[Path, str], Session]) -> Generator | None:
        """The generator for quick looks, if there is one; it reads the first rows of W+.

        Raises:
            ContractError: it is no smaller than the whole generator.
        """
        if self.preview is None:
            return None
        generator = Generator(get_session(self.preview, self.digests[PREVIEW_NAME]))
        if generator.size >= self.size:
            raise ContractError("the generator for quick looks is no smaller than the whole one")
        return generator


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
