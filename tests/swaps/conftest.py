"""A site whose engine is neural, on small graphs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faceweb.work import engines
from models.sessions import SessionConfig, SessionFactory
from swaps import choice, services
from tests.swaps.engines.test_neural_loader import store_of


@pytest.fixture
def neural_site(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., None]]:
    """Makes the site's engine neural; cards that are named are missing."""
    sessions = SessionFactory(SessionConfig(providers=("cpu",), cache_dir=tmp_path / "cache"))

    def forget() -> None:
        choice.engine_choice.cache_clear()
        services._loaded_engine.cache_clear()

    def make(*missing: str) -> None:
        store = store_of(tmp_path / "weights", *missing)
        monkeypatch.setattr(engines, "weight_store", lambda: store)
        monkeypatch.setattr(engines, "session_factory", lambda: sessions)
        settings.ENGINE = "auto"
        forget()

    yield make
    forget()
