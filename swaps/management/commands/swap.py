"""``manage.py swap``: the engine without the web, the queue or the database."""

import json
import re
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from faceweb.core.options import options_flags, options_given
from faceweb.core.words import refusal_text, sentence_of
from faceweb.media.local_files import ENCODERS, local_photo_read
from models.options import Values
from models.refusals import Refusal
from swaps.choice import engine_choice
from swaps.engines.base import Source, Target
from swaps.services import get_engine, takes_several

EXIT_UNUSABLE = 2


def face_pair(text: str) -> tuple[int, int]:
    """``T:S`` as two face numbers."""
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if not match:
        raise ArgumentTypeError("write it as TARGET:SOURCE, two face numbers, such as 0:1")
    return int(match[1]), int(match[2])


def rounded(similarity: float | None) -> float | None:
    """To three decimals: more would only look exact."""
    return None if similarity is None else round(similarity, 3)


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """The mean over all swapped faces; None when one of them was too small to judge."""
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 3) if known and len(known) == len(values) else None


class Command(BaseCommand):
    """Swap faces between two files."""

    help = "Put a face of SOURCE onto TARGET. Faces count from 0, largest first."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, metavar="SOURCE", help="photo to take a face from")
        parser.add_argument("target", type=Path, metavar="TARGET", help="photo to change")
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
        parser.add_argument(
            "--source-face", type=int, default=0, metavar="N", help="which face of SOURCE (0)"
        )
        parser.add_argument(
            "--map",
            type=face_pair,
            nargs="+",
            metavar="T:S",
            help="target face T gets source face S; by default the largest gets --source-face",
        )
        parser.add_argument(
            "--also",
            type=Path,
            nargs="+",
            default=[],
            metavar="PHOTO",
            help="further photos of the person in SOURCE, used together",
        )
        options_flags(parser, engine_choice().offer.options)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        if options["output"].suffix.lower() not in ENCODERS:
            self._refuse(f"OUT must end in one of: {', '.join(ENCODERS)}.")
        try:
            values = self._values(options)
            source, target = (local_photo_read(options[name]) for name in ("source", "target"))
            report = self._swap(source, target, values, options, started)
        except Refusal as error:
            self._refuse(refusal_text(error))
        except OSError as error:
            self._refuse(f"{error.filename}: {error.strerror}.")
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(f"Written. Engine: {report['engine']}.")

    def _values(self, options: dict[str, Any]) -> Values:
        if options["also"] and not takes_several():
            raise Refusal("one_photo_only")
        return options_given(engine_choice().offer.options, options)

    def _swap(
        self,
        source: Any,
        target: Any,
        values: Values,
        options: dict[str, Any],
        started: float,
    ) -> dict[str, Any]:
        engine = get_engine()
        also = [local_photo_read(path) for path in options["also"]]
        decoded = time.perf_counter()
        faces = {
            "source": engine.analyser.find_faces(source),
            "target": engine.analyser.find_faces(target),
        }
        more = tuple((image, tuple(engine.analyser.find_faces(image))) for image in also)
        found = time.perf_counter()
        for which, list_of_faces in faces.items():
            if not list_of_faces:
                raise Refusal(f"no_face_in_{which}")
        pairs = options["map"] or [(0, options["source_face"])]
        sources: list[Source] = []
        targets: list[Target] = []
        for number, (target_face, source_face) in enumerate(pairs):
            try:
                targets.append(Target(faces["target"][target_face], number))
                sources.append(Source(source, faces["source"][source_face], more))
            except IndexError:
                raise Refusal(
                    "pair_missing",
                    pair=f"{target_face}:{source_face}",
                    target=len(faces["target"]),
                    source=len(faces["source"]),
                ) from None
        result = engine.run(target, sources, targets, values)
        swapped = time.perf_counter()
        options["output"].write_bytes(ENCODERS[options["output"].suffix.lower()](result.image))
        finished = time.perf_counter()
        return {
            "engine": engine.name,
            "faces_source": len(faces["source"]),
            "faces_target": len(faces["target"]),
            "similarity_to_source": mean_or_none(
                [face.similarity_to_source for face in result.outcomes]
            ),
            "similarity_to_target": mean_or_none(
                [face.similarity_to_target for face in result.outcomes]
            ),
            "faces": [
                {
                    "target_face": target_face,
                    "source_face": source_face,
                    "similarity_to_source": rounded(face.similarity_to_source),
                    "similarity_to_target": rounded(face.similarity_to_target),
                    "left_out": [str(options["also"][number]) for number in face.left_out],
                    "notices": [sentence_of(notice.code, notice.params) for notice in face.notices],
                }
                for (target_face, source_face), face in zip(pairs, result.outcomes, strict=True)
            ],
            "timings_ms": {
                "decode": round(1000 * (decoded - started), 1),
                "find_faces": round(1000 * (found - decoded), 1),
                **result.timings_ms,
                "encode": round(1000 * (finished - swapped), 1),
                "total": round(1000 * (finished - started), 1),
            },
        }

    def _refuse(self, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(EXIT_UNUSABLE)
