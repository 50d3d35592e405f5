"""``manage.py edit``: the engine without the web, the queue or the database."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from editing.choice import editor_choice
from editing.engines.base import EditRequest, EditResult, request_from
from editing.services import get_engine, identity_threshold
from faceweb.core.options import options_flags, options_given
from faceweb.core.words import notice_text, refusal_text
from faceweb.media.local_files import ENCODERS, local_photo_read
from models.faces.analysis import FaceAnalyser
from models.faces.errors import FaceError
from models.faces.face import Face
from models.pixels.imaging import Image
from models.refusals import Refusal

EXIT_UNUSABLE = 2


def find_face(analyser: FaceAnalyser | None, photo: Image, number: int | None) -> Face:
    """Face `number` of `photo`, counted from 0, largest first; None for the only one.

    Raises:
        FaceError: there is nobody to look for it, no face, no such face, or several to choose from.
    """
    if analyser is None:
        raise FaceError("no_verifier")
    faces = analyser.find_faces(photo)
    if not faces:
        raise FaceError("no_face")
    if number is None and len(faces) > 1:
        raise FaceError("several_faces", faces=len(faces))
    number = number or 0
    if not 0 <= number < len(faces):
        raise FaceError("no_such_face", number=number, count=len(faces))
    return faces[number]


def rounded(strengths: EditRequest) -> dict[str, float]:
    """Strengths by slider, as JSON shows them."""
    return {key: round(strength, 3) for key, strength in strengths.strengths.items()}


class Command(BaseCommand):
    """Edit a face in a file."""

    help = "Change the smile or the age of a face in PHOTO, as far as it stays the same person."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("photo", type=Path, metavar="PHOTO", help="photo to change")
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
        options_flags(parser, editor_choice().offer.options)
        parser.add_argument(
            "--face",
            type=int,
            metavar="N",
            help="which face, if there are several; 0 is the largest",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        suffix = options["output"].suffix.lower()
        if suffix not in ENCODERS:
            self._refuse(f"OUT must end in one of: {', '.join(ENCODERS)}.")
        try:
            schema = editor_choice().offer.options
            request = request_from(options_given(schema, options), schema)
            photo = local_photo_read(options["photo"])
            decoded = time.perf_counter()
            engine = get_engine()
            face = find_face(engine.analyser, photo, options["face"])
            found = time.perf_counter()
            result = engine.run(photo, face, request, identity_threshold())
            edited = time.perf_counter()
            if result.image is not None:
                options["output"].write_bytes(ENCODERS[suffix](result.image))
        except Refusal as error:
            self._tell_unsure(error.code, options)
            self._refuse(refusal_text(error))
        except OSError as error:
            self._refuse(f"{error.filename}: {error.strerror}.")
        finished = time.perf_counter()
        if options["json"]:
            timings = {
                "decode": decoded - started,
                "find_faces": found - decoded,
                "encode": finished - edited,
                "total": finished - started,
            }
            report = self._report(engine.name, result, timings)
            self.stdout.write(json.dumps(report))
        said = "" if result.reason is None else notice_text(result.reason)
        if result.image is None:
            self._refuse(said)
        if not options["json"]:
            self.stdout.write(f"Written. Engine: {engine.name}. {said}".strip())

    @staticmethod
    def _report(engine: str, result: EditResult, seconds: dict[str, float]) -> dict[str, Any]:
        around = {stage: 1000 * spent for stage, spent in seconds.items()}
        timings = {**result.timings_ms, **around}
        return {
            "engine": engine,
            "verdict": result.verdict,
            "reason": None if result.reason is None else result.reason.code,
            "asked": rounded(result.asked),
            "applied": rounded(result.applied),
            "similarity": None if result.similarity is None else round(result.similarity, 3),
            "threshold": result.threshold,
            "evaluations": result.evaluations,
            "timings_ms": {stage: round(spent, 1) for stage, spent in timings.items()},
        }

    def _tell_unsure(self, code: str, options: dict[str, Any]) -> None:
        if options["json"]:
            answer = {"verdict": "unsure", "reason": code, "similarity": None}
            self.stdout.write(json.dumps(answer))

    def _refuse(self, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(EXIT_UNUSABLE)
