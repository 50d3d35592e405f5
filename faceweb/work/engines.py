"""Which engine of a kind this site uses, for the kinds above this floor."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.translation import gettext_lazy

from faceweb.core.weights import session_factory, weight_store
from faceweb.core.words import Words, words_register_late
from faceweb.media.analysis import get_analyser
from models.engine_registry import Chosen, choose_engine, engine_names, load_specs
from models.engines import Machine

logger = logging.getLogger(__name__)


class _Settings(Mapping[str, Any]):
    """What the operator has set, by the names of the settings."""

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(settings, key)
        except AttributeError as error:
            raise KeyError(key) from error

    def __iter__(self) -> Iterator[str]:
        return (name for name in dir(settings) if name.isupper())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def machine_here() -> Machine:
    """What engines of this process are loaded from; nothing is opened yet."""
    return Machine(weight_store(), session_factory, get_analyser, _Settings())


def engine_choose(modules: Sequence[str]) -> Chosen[Any]:
    """The engine among `modules` that ``FACEWEB_ENGINE`` chooses, with what it offers here.

    Engines that somebody meant to have and that cannot be loaded are logged.
    """
    chosen = choose_engine(load_specs(modules), settings.ENGINE, machine_here())
    for name, reason in chosen.passed_over:
        logger.error("the engine %s is not used: %s", name, reason)
    return chosen


def engine_find(modules: Sequence[str], name: str) -> Any | None:
    """What the engine of that name declares, or None where it is not there (any more)."""
    return next((spec for spec in load_specs(modules) if spec.name == name), None)


def engine_words_register(modules: Sequence[str]) -> None:
    """Make the words of the engines' own codes known, without importing an engine for it."""
    words_register_late(lambda: _engine_words(modules))


def _engine_words(modules: Sequence[str]) -> dict[str, Words]:
    return {
        code: Words(gettext_lazy(sentence), gettext_lazy(remedy) if remedy else "")
        for spec in load_specs(modules)
        for code, (sentence, remedy) in spec.words.items()
    }


def engine_setting_check(modules: Sequence[str], *, id: str) -> list[CheckMessage]:
    """An error where ``FACEWEB_ENGINE`` names no engine among `modules`."""
    names = engine_names(load_specs(modules))
    if settings.ENGINE in names:
        return []
    return [
        Error(
            f"FACEWEB_ENGINE is {settings.ENGINE!r}, and there is no such engine.",
            hint=f"Set it to one of: {', '.join(names)}.",
            id=id,
        )
    ]
