"""Backends one can steer, and photos on their way through the worker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache

from faceweb.media import analysis
from faceweb.media.models import Asset
from faceweb.moderation import known_bad
from faceweb.moderation.screening import backends, shield
from models.faces.face import Face
from models.networks.nudenet import CLASSES


@dataclass
class FakeBackend:
    """Says what it is told to; counts how often it was asked."""

    name: str = backends.NUDENET
    version: str = "fake 1"
    seen: dict[str, float] = field(default_factory=dict)
    act: Callable[[], None] = lambda: None
    asked: int = 0

    def scores(self, image: np.ndarray, faces: Any = ()) -> dict[str, float]:
        self.asked += 1
        self.act()
        return {**dict.fromkeys(CLASSES, 0.0), **self.seen}


@dataclass
class FakeAnalyser:
    """Finds the faces it is given."""

    faces: list[Face] = field(default_factory=list)
    name: str = "dlib"

    def find_faces(self, image: np.ndarray) -> list[Face]:
        return self.faces

    def embed(self, image: np.ndarray, face: Face) -> np.ndarray:
        return np.ones(128, np.float32)

    def similarity(self, a: np.ndarray, b: np.ndarray) -> float:
        return 1.0


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """The one backend that looks."""
    fake = FakeBackend()
    monkeypatch.setattr(backends, "get_backends", lambda: (fake,))
    return fake


@pytest.fixture
def analyser(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAnalyser]:
    fake = FakeAnalyser()
    analysis.register(lambda: fake, lambda: fake.name)
    yield fake
    analysis._providers.pop()
    analysis._names.pop()
    analysis._made_analyser.cache_clear()


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    """Protected faces and used-up tries of one test are not those of the next."""
    shield._kept = known_bad._kept = None
    cache.clear()
    yield
    shield._kept = known_bad._kept = None


@pytest.fixture
def arrive(user: Any, photo_factory: Callable[..., Asset], published: Any) -> Callable[..., Asset]:
    """A photo that was taken in and waits for the worker."""

    def make(image: np.ndarray | None = None, owner: Any = None, **fields: Any) -> Asset:
        return photo_factory(
            owner or user,
            image,
            analysis=Asset.Analysis.PENDING,
            screening=Asset.Screening.PENDING,
            **fields,
        )

    return make
