"""``python -m editing.export CHECKPOINT -o DIR [--size 256|512|1024]``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from editing.export.architecture import OFFICIAL_SHA256, Architecture, CheckpointError
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.errors import FaceError
from models.geometry.alignment import cut_crop, ffhq_matrix
from models.networks.stylegan import ENCODER_SIZE
from models.networks.stylegan_export import file_sha256
from models.pixels.imaging import Image, decode_image

PREVIEW_SIZE: Final = 256
"""Side of the generator for quick looks, which is written beside any larger one."""
_NO_TORCH: Final = "The export needs PyTorch, which the site does not: install the extra 'export'."


def main(arguments: Sequence[str] | None = None, architecture: Architecture | None = None) -> int:
    """Runs the command; returns the exit status: 0, or 1 with a sentence on standard error.

    `architecture` is that of the published checkpoint unless given.
    """
    parser = argparse.ArgumentParser(prog="python -m editing.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="the file e4e_ffhq_encode.pt")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the graphs")
    parser.add_argument(
        "--size", type=int, choices=(256, 512, 1024), default=512, help="pixels (default: 512)"
    )
    parser.add_argument("--photo", type=Path, help="a face to check with (default: a sample)")
    parser.add_argument(
        "--sha256", default=OFFICIAL_SHA256, help="digest of the checkpoint, if it is another"
    )
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnxscript") is None:
        return _refused(_NO_TORCH)
    # Only now: everything below imports PyTorch.
    from editing.export.checkpoint import read_checkpoint
    from editing.export.onnx_export import ExportMismatchError, export_graphs

    architecture = architecture or Architecture()
    try:
        digest = file_sha256(options.checkpoint)
        if digest != options.sha256.lower():
            return _refused(
                f"The checkpoint's SHA-256 is {digest}, not {options.sha256}. "
                "Fetch it again, or pass --sha256 for a checkpoint of your own."
            )
        crop = face_crop(options.photo or sample_photo())
        checkpoint = read_checkpoint(options.checkpoint, architecture)
        report = export_graphs(
            checkpoint,
            architecture,
            options.size,
            options.output,
            crop,
            digest,
            preview_size=PREVIEW_SIZE if options.size > PREVIEW_SIZE else None,
        )
    except (CheckpointError, ExportMismatchError, FaceError, OSError, ValueError) as error:
        return _refused(str(error))
    sys.stdout.write(
        f"{report.size} px, {report.layers} rows of W+, checked against PyTorch: "
        f"encoder {report.encoder_difference:.1e}, generator {report.generator_difference:.1e}; "
        f"{report.encoder_bytes / 1e6:.0f} MB and {report.generator_bytes / 1e6:.0f} MB "
        f"in {report.seconds:.0f} s\n"
    )
    return 0


def face_crop(photo: Path) -> Image:
    """The largest face of a photo in the FFHQ frame, uint8 (256, 256, 3) BGR.

    Raises:
        FaceError: the photo shows no face.
        ValueError: the file is not an image.
        OSError: it cannot be read.
    """
    image = decode_image(photo.read_bytes())
    faces = DlibAnalyser().find_faces(image)
    if not faces:
        raise FaceError("no_face")
    return cut_crop(image, ffhq_matrix(faces[0].kps, ENCODER_SIZE), ENCODER_SIZE)


def sample_photo() -> Path:
    """The public-domain portrait that comes with scikit-image."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("scikit-image's sample is not installed; pass --photo")
    return Path(spec.origin).parent / "data" / "astronaut.png"


def _refused(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
