"""The engines of one kind, in the order in which they are preferred, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Generic, Protocol, TypeVar

from models.engines import Machine, Offer

AUTO: Final = "auto"


class _Spec(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def chosen_by(self) -> tuple[str, ...]: ...
    def offer(self, machine: Machine) -> Offer: ...


SpecT = TypeVar("SpecT", bound=_Spec)


@dataclass(frozen=True)
class Chosen(Generic[SpecT]):
    """An engine, and what it offers here.

    Attributes:
        spec: the engine's declaration.
        offer: what it can do on this machine; without an engine that can be loaded it says what
            is missing.
        passed_over: names and reasons of preferred engines that somebody meant to have and that
            cannot be loaded.
    """

    spec: SpecT
    offer: Any
    passed_over: tuple[tuple[str, str], ...] = ()


def load_specs(modules: Sequence[str]) -> list[Any]:
    """The ``ENGINE`` of each module, in their order.

    Raises:
        ValueError: two engines have one name.
    """
    specs = [import_module(module).ENGINE for module in modules]
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise ValueError(f"two engines have one name: {', '.join(names)}")
    return specs


def engine_names(specs: Iterable[_Spec]) -> list[str]:
    """What ``FACEWEB_ENGINE`` may say, ``auto`` first."""
    return [AUTO, *dict.fromkeys(name for spec in specs for name in spec.chosen_by)]


def choose_engine(specs: Sequence[SpecT], wanted: str, machine: Machine) -> Chosen[SpecT]:
    """The first of `specs` that `wanted` names and that can be loaded here.

    Where none can be loaded it is the first that is named, with the reason in its offer.

    Args:
        specs: the engines there are, the preferred ones first.
        wanted: ``auto`` or one of :func:`engine_names`.
        machine: what they would be loaded from.

    Raises:
        ValueError: nothing is called `wanted`.
    """
    named = [spec for spec in specs if wanted == AUTO or wanted in spec.chosen_by]
    if not named:
        raise ValueError(f"no engine is chosen by {wanted!r}")
    offers: list[tuple[SpecT, Offer]] = []
    for spec in named:
        offer = spec.offer(machine)
        if not offer.missing:
            passed = tuple((s.name, o.missing) for s, o in offers if o.is_meant)
            return Chosen(spec, offer, passed)
        offers.append((spec, offer))
    return Chosen(*offers[0])
