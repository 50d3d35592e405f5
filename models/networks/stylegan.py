"""StyleGAN2 and the e4e encoder as exported graphs: a photo to W+, W+ to a face.

W+ is one style vector per layer of the generator, float32 (L, 512) with L = 2 log2(size) - 2:
18 for 1024 px, 16 for 512, 14 for 256. The encoder's graph adds the average latent itself, and the
generator's noise is constant, so that equal latents give equal faces.

Tov et al., "Designing an encoder for StyleGAN image manipulation", SIGGRAPH 2021 (e4e);
Karras et al., "Analyzing and improving the image quality of StyleGAN", CVPR 2020 (StyleGAN2).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from models.faces.face import FloatArray
from models.networks.base import ContractError, ImageTensor, Session, fixed_size, single_input
from models.networks.stylegan_export import ENCODER_NAME, GENERATOR_NAME, PREVIEW_NAME, Export
from models.pixels.imaging import Image

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


def open_export(
    export: Export, get_session: Callable[[Path, str], Session]
) -> tuple[Encoder, Generator]:
    """Both networks, their sessions made by ``get_session(path, sha256)``.

    Raises:
        ContractError: the two graphs do not belong together.
    """
    encoder = Encoder(get_session(export.encoder, export.digests[ENCODER_NAME]))
    generator = Generator(get_session(export.generator, export.digests[GENERATOR_NAME]))
    latents_fit = (encoder.layers, encoder.width) == (generator.layers, generator.width)
    if not latents_fit or generator.size != export.size:
        raise ContractError("encoder and generator are not of one export")
    return encoder, generator


def open_preview(export: Export, get_session: Callable[[Path, str], Session]) -> Generator | None:
    """The generator for quick looks, if there is one; it reads the first rows of W+.

    Raises:
        ContractError: it is no smaller than the whole generator.
    """
    if export.preview is None:
        return None
    generator = Generator(get_session(export.preview, export.digests[PREVIEW_NAME]))
    if generator.size >= export.size:
        raise ContractError("the generator for quick looks is no smaller than the whole one")
    return generator
