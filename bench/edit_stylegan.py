"""What a StyleGAN edit costs: ``python -m bench.edit_stylegan EXPORT [--photo PHOTO]``.

EXPORT is a folder that ``python -m editing.export`` wrote. Weights do not matter to time, so one
made of a random checkpoint will do: ``python -m tests.editing.e4e e4e.pt`` writes such a file, with
PyTorch. Aims on a CPU at 512 px: a guarded edit in at most 1.15 times its inference, and five faces
as one batch in no more time than five single ones. Quick looks are timed as the page asks for them:
the face studied when the editor opens, then one preview after each move of a slider. Processor time
counts both of two threads, so half of it is about what the clock shows on an idle machine.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bench._timing import best_ms, machine, peak_rss_mb
from editing.directions import Direction, DirectionCard
from editing.engines.base import EditRequest
from editing.engines.stylegan_engine import BATCH, StyleGanEngine
from editing.export.__main__ import sample_photo
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.networks.stylegan import ENCODER_SIZE, open_export
from models.networks.stylegan_export import Export
from models.pixels.imaging import bounding_box, decode_image, reduced_region
from models.sessions import get_session

RUNS = 3
PREVIEW_PX = 512
STEP = 0.02
"""Small, so that random weights change the face little enough for it to be found again."""


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.edit_stylegan")
    parser.add_argument("export", type=Path)
    parser.add_argument("--photo", type=Path, default=sample_photo())
    parser.add_argument(
        "--batch", type=int, default=1, help=f"faces made at once (1; {BATCH} on a GPU)"
    )
    options = parser.parse_args()
    print(machine())

    export = Export.read(options.export)
    encoder, generator = open_export(export, get_session)
    small = export.open_preview(get_session)
    generator_name = f"generator {generator.size}"
    rows = np.random.default_rng(0).normal(size=(generator.layers, generator.width))
    step = (STEP * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    card = DirectionCard("smile", "smile.pt", STEP, "Smile")
    analyser = DlibAnalyser()
    engine = StyleGanEngine(
        encoder,
        generator,
        {"smile": Direction(card, step)},
        analyser,
        preview_generator=small,
        batch=options.batch,
    )

    crop = np.full((1, ENCODER_SIZE, ENCODER_SIZE, 3), 127, np.uint8)
    latent = encoder.encode(crop)
    five = np.concatenate([latent + share * step for share in (0, 1, 0.75, 0.5, 0.25)])
    generator.synthesise(latent)
    print(f"encoder, 1                     {best_ms(lambda: encoder.encode(crop), RUNS):8.0f} ms")
    single = _timed(lambda: [generator.synthesise(five[i : i + 1]) for i in range(5)])
    batch = _timed(lambda: generator.synthesise(five))
    print(f"{generator_name}, 5 singles      {_said(single)}")
    ratio = f"{batch[0] / single[0]:.2f}x, by the processor {batch[1] / single[1]:.2f}x"
    print(f"{generator_name}, 1 batch of 5   {_said(batch)}   {ratio}")

    photo = decode_image(options.photo.read_bytes())
    face = analyser.find_faces(photo)[0]
    analyser.embed(photo, face)
    # Nothing but the photo itself reaches 1: the guard goes all its way.
    for name, threshold in (("accepted at once", 0.01), ("whole search", 1.0)):
        best = None
        for _ in range(RUNS):
            begun, processor = time.perf_counter(), time.process_time()
            result = engine.run(photo, face, EditRequest(smile=1.0), threshold)
            seconds, processor = time.perf_counter() - begun, time.process_time() - processor
            if best is None or seconds < best[0]:
                best = seconds, processor, result
        assert best is not None
        seconds, processor, result = best
        parts = result.timings_ms
        inference = parts["encode"] + parts["generate"]
        print(
            f"edit, {name:<16} {result.evaluations} versions {1000 * seconds:8.0f} ms "
            f"({1000 * processor:.0f})   "
            f"{1000 * seconds / inference:.3f}x its inference "
            f"({inference:.0f} ms; compose {parts['compose']:.0f}, check {parts['check']:.0f})"
        )
    # The face alone and small, about as the site cuts it out.
    box = bounding_box(face.box.reshape(2, 2), 0.45 * face.quality.width_px, photo)
    region, matrix = reduced_region(photo, box, min(1.0, PREVIEW_PX / (box[2] - box[0])))
    cut = face.mapped(matrix)
    begun = time.perf_counter()
    engine.outlook(region, cut)
    size = (small or generator).size
    print(f"quick look at {size} px: studied in {1000 * (time.perf_counter() - begun):8.0f} ms")
    for name, threshold in (("accepted at once", 0.01), ("whole search", 1.0)):
        spent = _timed(partial(engine.preview, region, cut, EditRequest(smile=1), threshold))
        print(f"quick look, {name:<16} {_said(spent)}")
    print(f"peak memory {peak_rss_mb():.0f} MB")


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock and of the processor, the shortest of several runs each."""
    spent = []
    for _ in range(RUNS):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        spent.append((time.perf_counter() - clock, time.process_time() - processor))
    clocks, processors = zip(*spent, strict=True)
    return 1000 * min(clocks), 1000 * min(processors)


def _said(spent: tuple[float, float]) -> str:
    return f"{spent[0]:8.0f} ms ({spent[1]:.0f})"


if __name__ == "__main__":
    main()
