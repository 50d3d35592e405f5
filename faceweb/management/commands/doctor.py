"""``manage.py doctor``: what this machine has, and what it lacks."""

import json
import os
import platform
import shutil
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import redis
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from faceweb import env
from faceweb.core.weights import session_config, weight_store
from faceweb.embedded import CannotStart, redis_binary
from faceweb.marks.keys import KeysError, expires_soon, identity_load, will_be_made
from faceweb.moderation.screening.backends import backend_problem, backends_chosen
from faceweb.work import kinds
from models.store import ManifestError, State

Health = Literal["ok", "note", "broken"]

PACKAGES = (
    "Django",
    "celery",
    "channels",
    "redis",
    "numpy",
    "pillow",
    "dlib-bin",
    "insightface",
)
# What the site does without each of the built-in networks.
NARROWS = {
    "finder": "no built-in engine",
    "mesh": "no built-in engine",
    "parser": "built-in masks follow the outline of the face alone",
    "identity": "no built-in edits, and swaps without a figure of likeness",
}
# Packages of one row install the same modules, so exactly one of them must be there.
EXCLUSIVE = (("onnxruntime", "onnxruntime-gpu"), ("opencv-python-headless", "opencv-python"))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report.

    Attributes:
        area: what it is about.
        name: which part of it.
        verdict: ``broken`` is something the site needs; ``note`` is worth knowing.
        value: what was found.
        remedy: what to do about it.
    """

    area: str
    name: str
    verdict: Health
    value: str
    remedy: str = ""


class Command(BaseCommand):
    """Look at everything the site stands on; fail if something it needs is broken."""

    help = "Versions, hardware, weights, services, folders. Ends with 1 if something is broken."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [finding for check in CHECKS for finding in _guarded(check)]
        healthy = not any(finding.verdict == "broken" for finding in findings)
        if options["json"]:
            report = {"healthy": healthy, "findings": [asdict(finding) for finding in findings]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self._table(findings)
        if not healthy:
            raise SystemExit(1)

    def _table(self, findings: list[Line]) -> None:
        styles = {"ok": self.style.SUCCESS, "note": self.style.WARNING, "broken": self.style.ERROR}
        width = max(len(finding.name) for finding in findings)
        area = ""
        for finding in findings:
            if finding.area != area:
                area = finding.area
                self.stdout.write(f"\n{area}")
            mark = styles[finding.verdict](finding.verdict.ljust(6))
            remedy = f" ({finding.remedy})" if finding.remedy else ""
            self.stdout.write(f"  {mark}  {finding.name.ljust(width)}  {finding.value}{remedy}")


def _guarded(check: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """A check that fails in an unforeseen way is a finding itself."""
    try:
        yield from check()
    except Exception as error:
        name = check.__name__.removeprefix("check_")
        yield Line("doctor", name, "broken", f"could not look: {type(error).__name__}")


def check_versions() -> Iterator[Line]:
    """Python and the packages that matter."""
    yield Line("versions", "Python", "ok", f"{platform.python_version()} {platform.machine()}")
    for package in PACKAGES:
        version = _version(package)
        if version is None:
            yield Line("versions", package, "broken", "not installed", "install the lock file")
        else:
            yield Line("versions", package, "ok", version)
    for packages in EXCLUSIVE:
        found = {package: _version(package) for package in packages}
        present = {package: version for package, version in found.items() if version}
        name, value = " / ".join(packages), ", ".join(f"{p} {v}" for p, v in present.items())
        if len(present) == 1:
            yield Line("versions", name, "ok", value)
        elif present:
            yield Line("versions", name, "broken", value, "they collide: keep one of them")
        else:
            yield Line("versions", name, "broken", "not installed", "install the lock file")


def check_hardware() -> Iterator[Line]:
    """What networks run on."""
    from models.sessions import ProviderUnavailable, choose_providers, list_gpus
    from models.sessions.providers import usable_cpus

    config = session_config()
    yield Line("hardware", "processors", "ok", str(config.threads or usable_cpus()))
    gpus = list_gpus()
    for gpu in gpus:
        yield Line("hardware", f"GPU {gpu.index}", "ok", f"{gpu.name}, {gpu.memory_mb} MB")
    if not gpus:
        yield Line("hardware", "GPU", "note", "none; networks run on the processor")
    try:
        providers = choose_providers(config.providers, gpus=gpus)
    except ProviderUnavailable as error:
        yield Line("hardware", "providers", "broken", str(error), "FACEWEB_ORT_PROVIDERS")
    else:
        yield Line("hardware", "providers", "ok", " > ".join(providers))


def check_engine() -> Iterator[Line]:
    """Which engines make the pictures, as each kind of work has it."""
    for kind in kinds.registered():
        for found in kind.findings():
            yield Line("engine", found.name, found.verdict, found.value, found.remedy)


def check_models() -> Iterator[Line]:
    """Weights that are here or that are recommended; every byte of a new one is read."""
    try:
        store = weight_store()
    except ManifestError as error:
        yield Line("models", "manifest", "broken", str(error), "reinstall")
        return
    if store.own_files_problem:
        yield Line("models", "local.toml", "note", store.own_files_problem, "correct the file")
    for key, card in store.manifest.cards.items():
        here = any(store.path(key, file.name).is_file() for file in card.files)
        if not (here or card.recommended or card.builtin):
            continue
        for file in card.files:
            if here:
                store.resolve(key, file.name)
        status = store.status(key)
        reasons = "; ".join(f"{file.name} {file.reason}" for file in status.files if file.reason)
        if status.state is State.VERIFIED:
            yield Line("models", key, "ok", "verified")
        elif here:
            yield Line("models", key, "note", reasons, f"manage.py models pull {key}")
        elif card.builtin:
            value = f"{reasons.partition(' ')[2] or 'missing'}: {NARROWS[key]}"
            yield Line("models", key, "note", value, "manage.py models fetch")
        else:
            yield Line("models", key, "note", "missing", f"manage.py models pull {key}")


def check_screening() -> Iterator[Line]:
    """What looks at uploads and results, and whether it can."""
    name, chosen = "FACEWEB_SCREENING", backends_chosen()
    if not chosen:
        remedy = "set it to nudenet, vit or both"
        yield Line("screening", name, "note", "off: nothing is looked at", remedy)
    for backend in chosen:
        problem = backend_problem(backend)
        if problem is None:
            yield Line("screening", name, "ok", backend)
        else:
            value = f"{backend}: {problem.reason}"
            yield Line("screening", name, "broken", value, problem.remedy)


def check_marks() -> Iterator[Line]:
    """The key that signs results; without one no result is kept."""
    if will_be_made():
        yield Line("marks", "signing key", "note", "none yet", "the first result makes it")
        return
    remedy = "manage.py provenance status"
    try:
        identity = identity_load()
        identity.check_valid()
    except KeysError as error:
        yield Line("marks", "signing key", "broken", str(error), remedy)
        return
    soon = expires_soon(identity)
    value = f"{identity.algorithm}, valid until {identity.not_after:%d %B %Y}"
    yield Line("marks", "signing key", "note" if soon else "ok", value, remedy if soon else "")


def check_redis() -> Iterator[Line]:
    """Broker, channel layer and cache."""
    client = redis.Redis.from_url(
        env.redis_url_for_client(settings.REDIS_URL, 0), socket_connect_timeout=3, socket_timeout=3
    )
    try:
        version = client.info("server")["redis_version"]
    except (redis.RedisError, OSError) as error:
        yield _redis_silent(error)
    else:
        yield Line("services", "Redis", "ok", str(version))
    finally:
        client.close()


def _redis_silent(error: Exception) -> Line:
    reason = f"does not answer ({type(error).__name__})"
    if env.get_str("REDIS_URL"):
        return Line("services", "Redis", "broken", reason, "FACEWEB_REDIS_URL")
    try:
        redis_binary()
    except CannotStart as cannot:
        return Line("services", "Redis", "broken", reason, str(cannot))
    return Line("services", "Redis", "note", "not running", "make run starts it")


def check_database() -> Iterator[Line]:
    """Whether it answers and is migrated."""
    try:
        executor = MigrationExecutor(connection)
        pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        reason = f"does not answer ({type(error).__name__})"
        yield Line("services", "database", "broken", reason, "FACEWEB_DATABASE_URL")
        return
    if pending:
        value = f"{connection.vendor}, {pending} migrations to go"
        yield Line("services", "database", "broken", value, "manage.py migrate")
    else:
        yield Line("services", "database", "ok", f"{connection.vendor}, migrated")


def check_folders() -> Iterator[Line]:
    """Room and write permission where the site writes."""
    needed = {
        "data": Path(settings.DATA_DIR),
        "media": Path(settings.MEDIA_ROOT),
        "model cache": Path(settings.MODEL_CACHE_DIR),
    }
    for name, path in {**needed, "weights": Path(settings.WEIGHTS_DIR)}.items():
        # A folder that is made at first use is judged by the one it will be made in.
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        free_mb = shutil.disk_usage(existing).free // (1024 * 1024)
        value = f"{path}, {free_mb} MB free"
        if not os.access(existing, os.W_OK | os.X_OK):
            verdict: Health = "broken" if name in needed else "note"
            yield Line("folders", name, verdict, f"{value}, not writable", "change its owner")
        elif free_mb < settings.DISK_FLOOR_MB:
            remedy = f"less than FACEWEB_DISK_FLOOR_MB ({settings.DISK_FLOOR_MB}): make room"
            yield Line("folders", name, "broken", value, remedy)
        else:
            yield Line("folders", name, "ok", value)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


CHECKS: tuple[Callable[[], Iterator[Line]], ...] = (
    check_versions,
    check_hardware,
    check_engine,
    check_models,
    check_screening,
    check_marks,
    check_redis,
    check_database,
    check_folders,
)
