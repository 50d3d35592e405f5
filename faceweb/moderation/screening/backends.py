"""The networks that look at pictures, behind one interface."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from django.conf import settings

from faceweb.core.weights import session_factory, weight_store

if TYPE_CHECKING:
    from models.faces.face import FloatArray
    from models.pixels.imaging import Image

NUDENET: Final = "nudenet"
VIT: Final = "vit"
VIT_CARD: Final = "nsfw_vit"
NUDENET_FILE: Final = "320n.onnx"
NUDENET_SHA256: Final = "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f"
# What FACEWEB_SCREENING may say, and the backends that look then: all of them, the sternest counts.
CHOICES: Final = {"nudenet": (NUDENET,), "vit": (VIT,), "both": (NUDENET, VIT), "off": ()}


class Backend(Protocol):
    """One way to judge a picture. May be used by several threads.

    ``version`` says which file of weights it is, so that scores can be told apart later.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def scores(self, image: Image, faces: Sequence[FloatArray] = ()) -> dict[str, float]:
        """What the picture shows: class -> 0 to 1.

        Args:
            image: uint8 (H, W, 3) BGR.
            faces: boxes (4,) in pixels of faces that were found in it.
        """
        ...


class BackendMissing(Exception):
    """The model of a backend is not on this machine, or is not the one that was pinned."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class NetworkBackend:
    """A backend that is a network."""

    name: str
    version: str
    judge: Callable[[Image, Sequence[FloatArray]], dict[str, float]]

    def scores(self, image: Image, faces: Sequence[FloatArray] = ()) -> dict[str, float]:
        """See `Backend`."""
        return self.judge(image, faces)


def backends_chosen() -> tuple[str, ...]:
    """Names of the backends that FACEWEB_SCREENING asks for; none when it is switched off."""
    return CHOICES[settings.SCREENING]


def get_backends() -> tuple[Backend, ...]:
    """The backends of this process, each loaded when it is first asked for.

    Raises:
        BackendMissing: a model is missing or damaged.
        Exception: whatever the runtime says of a model that it cannot load.
    """
    with _loading:
        return tuple(_loaded(name) for name in backends_chosen())


def backend_problem(name: str) -> BackendMissing | None:
    """Why a backend cannot work, as far as that can be told without reading weights."""

    from models.store import State

    if name == NUDENET:
        path = nudenet_path()
        return None if path is not None and path.is_file() else _nudenet_missing()
    status = weight_store().status(VIT_CARD)
    if status.state in {State.VERIFIED, State.PRESENT}:
        return None
    reasons = "; ".join(f"{file.name} {file.reason}" for file in status.files if file.reason)
    return BackendMissing(name, reasons, f"manage.py models pull {VIT_CARD}")


def nudenet_path() -> Path | None:
    """The file in the package ``nudenet``, which is found and not imported."""
    spec = find_spec("nudenet")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / NUDENET_FILE


_loading = threading.Lock()


@lru_cache(maxsize=4)
def _loaded(name: str) -> Backend:
    return _load_nudenet() if name == NUDENET else _load_vit()


def _load_nudenet() -> Backend:
    from models.networks.nudenet import NudeNet
    from models.store.files import sha256_of

    path = nudenet_path()
    if path is None or not path.is_file():
        raise _nudenet_missing()
    digest = sha256_of(path)
    if digest != NUDENET_SHA256:
        raise BackendMissing(
            NUDENET, f"{NUDENET_FILE} is not the file that was pinned", "Install the lock again."
        )
    network = NudeNet(session_factory().get(path, digest))
    return NetworkBackend(NUDENET, f"nudenet 320n {digest[:12]}", network.scores)


def _nudenet_missing() -> BackendMissing:
    return BackendMissing(
        NUDENET, "the package nudenet, which holds the model, is not installed", "Install the lock."
    )


def _load_vit() -> Backend:
    from models.networks.screening_vit import ScreeningVit
    from models.store import Unavailable

    weight = weight_store().resolve_model(VIT_CARD)
    if isinstance(weight, Unavailable):
        raise BackendMissing(VIT, weight.reason, weight.remedy)
    if weight.contract is None:
        raise BackendMissing(VIT, "its card states no contract", "Reinstall faceweb.")
    network = ScreeningVit(session_factory().get(weight.path, weight.sha256), weight.contract)
    return NetworkBackend(
        VIT, f"{VIT_CARD} {weight.sha256[:12]}", lambda image, _: network.scores(image)
    )
