"""What an engine can be told, as data: a form, its validation, a recipe, an address and the flags
of a command line all follow from it.

Everything here is light to import and knows nothing of who shows it. Words are message ids: English
sentences that are translated where they are shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from models.refusals import Refusal

Value = bool | int | float | str | tuple[str, ...] | None
"""What an option can be set to; a tuple is a set of choices, in the order of the offer."""

Values = Mapping[str, Value]

RESERVED: Final = frozenset(
    {"target", "source", "together", "photo", "face", "mapping", "slot", "page", "key"}
)
"""Names that forms and addresses use for what is no option."""

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


def gettext_noop(message: str) -> str:
    """Marks a message id for the translators; it is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class When:
    """An option that means something only beside another one.

    Attributes:
        key: the other option.
        values: it has one of these values, or, where it is a set, holds one of them.
    """

    key: str
    values: tuple[Value, ...]

    def holds(self, values: Values) -> bool:
        """Whether `values` give the option a meaning."""
        value = values.get(self.key)
        if isinstance(value, tuple):
            return not set(value).isdisjoint(self.values)
        return value in self.values


@dataclass(frozen=True, slots=True)
class Item:
    """One of several things to choose: its value, its label and a sentence (message ids)."""

    value: str
    label: str
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Option:
    """Something that may be set.

    Attributes:
        key: its name in forms, recipes, addresses and, with dashes, on the command line.
        label: what a person calls it.
        help: one sentence on it, or nothing.
        when: what must be set for it to mean anything; pages show it only then.
    """

    kind: ClassVar[str]

    key: str
    label: str
    help: str = ""
    when: When | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key) or self.key in RESERVED:
            raise ValueError(f"an option cannot be called {self.key!r}")

    @property
    def initial(self) -> Value:
        """The value of an option that nobody has set."""
        raise NotImplementedError

    def check(self, value: object) -> Value:
        """`value` as this option holds it; lists become tuples.

        Raises:
            Refusal: ``option_out_of_range`` or ``option_unknown_value``.
        """
        raise NotImplementedError

    def fit(self, value: object) -> Value:
        """The nearest value to `value` that can be had here, or the initial one."""
        try:
            return self.check(value)
        except Refusal:
            return self.initial

    def parse(self, texts: Sequence[str]) -> Value:
        """What a form or a command line says, as texts; the order does not matter.

        Raises:
            Refusal: as :meth:`check`.
        """
        raise NotImplementedError

    def texts(self, value: Value) -> tuple[str, ...]:
        """`value` as texts that :meth:`parse` reads back."""
        return (_text(value),)

    def _refusal(self, value: object) -> Refusal:
        return Refusal("option_unknown_value", option=self.label, value=str(value)[:64])


@dataclass(frozen=True, kw_only=True)
class BoolOption(Option):
    """Something that is on or off."""

    kind: ClassVar[str] = "bool"
    default: bool = False

    @property
    def initial(self) -> Value:
        """On or off, as it is unless somebody says otherwise."""
        return self.default

    def check(self, value: object) -> Value:
        """See :meth:`Option.check`."""
        if not isinstance(value, bool):
            raise self._refusal(value)
        return value

    def parse(self, texts: Sequence[str]) -> Value:
        """On where any text is ``1``: a box that is not ticked sends nothing of its own."""
        if any(text not in {"", "0", "1"} for text in texts):
            raise self._refusal(texts)
        return "1" in texts


@dataclass(frozen=True, kw_only=True)
class _NumberOption(Option):
    unit: str = ""
    """What a number counts: ``%``, ``px``, ``years``."""
    less: str = ""
    """What the low end means, a message id."""
    more: str = ""
    """What the high end means."""

    def _range_refusal(self, low: float, high: float) -> Refusal:
        return Refusal("option_out_of_range", option=self.label, low=low, high=high, unit=self.unit)


@dataclass(frozen=True, kw_only=True)
class IntOption(_NumberOption):
    """A whole number from `low` to `high`. A default of None means that it may be left unsaid.

    `step` is how far a slider moves at once; every number between the ends is valid.
    """

    kind: ClassVar[str] = "int"
    low: int
    high: int
    default: int | None
    step: int = 1

    @property
    def initial(self) -> Value:
        """The number it has unless somebody says otherwise."""
        return self.default

    def check(self, value: object) -> Value:
        """See :meth:`Option.check`."""
        if value is None and self.default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._refusal(value)
        if not self.low <= value <= self.high:
            raise self._range_refusal(self.low, self.high)
        return value

    def fit(self, value: object) -> Value:
        """A number beyond an end becomes that end."""
        if isinstance(value, int) and not isinstance(value, bool):
            return min(max(value, self.low), self.high)
        return super().fit(value)

    def parse(self, texts: Sequence[str]) -> Value:
        """The last text, as a whole number; nothing where it is empty and may be left unsaid."""
        text = texts[-1].strip() if texts else ""
        if not text and self.default is None:
            return None
        if not re.fullmatch(r"[+-]?[0-9]{1,6}", text):
            raise self._refusal(text)
        return self.check(int(text))


@dataclass(frozen=True, kw_only=True)
class FloatOption(_NumberOption):
    """A number from `low` to `high`; `step` is how far a slider moves at once."""

    kind: ClassVar[str] = "float"
    low: float
    high: float
    default: float
    step: float = 0.05

    @property
    def initial(self) -> Value:
        """The number it has unless somebody says otherwise."""
        return self.default

    def check(self, value: object) -> Value:
        """See :meth:`Option.check`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(value)
        if not self.low <= value <= self.high:
            raise self._range_refusal(self.low, self.high)
        return float(value)

    def fit(self, value: object) -> Value:
        """A number beyond an end becomes that end."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.initial
        # A whole number may be too large to be asked whether it is finite.
        if isinstance(value, int) or math.isfinite(value):
            return float(min(max(value, self.low), self.high))
        return self.initial

    def parse(self, texts: Sequence[str]) -> Value:
        """The last text, as a number."""
        text = texts[-1].strip() if texts else ""
        if not re.fullmatch(r"[+-]?[0-9]{0,6}\.?[0-9]{0,6}", text) or not re.search("[0-9]", text):
            raise self._refusal(text)
        return self.check(float(text))


@dataclass(frozen=True, kw_only=True)
class ChoiceOption(Option):
    """One of several. `in_row` tells a page that the choices are short enough for one line."""

    kind: ClassVar[str] = "choice"
    items: tuple[Item, ...]
    default: str
    in_row: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.default not in {item.value for item in self.items}:
            raise ValueError(f"{self.key}: the default is none of the choices")

    @property
    def initial(self) -> Value:
        """The choice where nobody has chosen."""
        return self.default

    def check(self, value: object) -> Value:
        """See :meth:`Option.check`."""
        if not isinstance(value, str) or value not in {item.value for item in self.items}:
            raise self._refusal(value)
        return value

    def parse(self, texts: Sequence[str]) -> Value:
        """The last text."""
        return self.check(texts[-1] if texts else "")


@dataclass(frozen=True, kw_only=True)
class SetOption(Option):
    """Any of several, at least `least` of them while the option means something.

    Forms send an empty text beside the ticked ones, so that "none" can be told from "not asked".
    """

    kind: ClassVar[str] = "set"
    items: tuple[Item, ...]
    default: tuple[str, ...] = ()
    least: int = 0
    in_row: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.check(self.default) != self.default:
            raise ValueError(f"{self.key}: the default must be in the order of the choices")

    @property
    def initial(self) -> Value:
        """What is chosen where nobody has chosen."""
        return self.default

    def check(self, value: object) -> Value:
        """See :meth:`Option.check`; the answer is in the order of the offer."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise self._refusal(value)
        chosen = set()
        for name in value:
            if not isinstance(name, str):
                raise self._refusal(name)
            chosen.add(name)
        known = tuple(item.value for item in self.items if item.value in chosen)
        for other in chosen - set(known):
            raise self._refusal(other)
        return known

    def fit(self, value: object) -> Value:
        """What is not offered is left out."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            return self.default
        chosen = {name for name in value if isinstance(name, str)}
        return tuple(item.value for item in self.items if item.value in chosen)

    def parse(self, texts: Sequence[str]) -> Value:
        """Every text that is not empty."""
        return self.check([text for text in texts if text])

    def texts(self, value: Value) -> tuple[str, ...]:
        """An empty text, then each choice."""
        return ("", *value) if isinstance(value, tuple) else ("",)


@dataclass(frozen=True)
class OptionSchema:
    """All that an engine can be told, in the order in which a page shows it."""

    options: tuple[Option, ...] = ()
    _by_key: dict[str, Option] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key = {option.key: option for option in self.options}
        if len(by_key) != len(self.options):
            raise ValueError("two options have one key")
        for option in self.options:
            if option.when is not None and option.when.key not in by_key:
                raise ValueError(f"{option.key} hangs on an option that is not there")
        object.__setattr__(self, "_by_key", by_key)

    def __iter__(self) -> Iterator[Option]:
        return iter(self.options)

    def __len__(self) -> int:
        return len(self.options)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __getitem__(self, key: str) -> Option:
        return self._by_key[key]

    def defaults(self) -> dict[str, Value]:
        """Every option at its initial value."""
        return {option.key: option.initial for option in self.options}

    def check(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Values for every option, those that are not given at their initial value.

        Raises:
            Refusal: ``option_missing`` for a key that is not offered here,
                ``option_out_of_range`` or ``option_unknown_value`` for a value that cannot be had,
                ``option_nothing_chosen`` where one of a set is needed and none is chosen.
        """
        for key in given:
            if key not in self._by_key:
                raise Refusal("option_missing", option=str(key)[:64])
        values = self.defaults()
        for key, value in given.items():
            values[key] = self._by_key[key].check(value)
        for option in self.options:
            chosen = values[option.key]
            if (
                isinstance(option, SetOption)
                and isinstance(chosen, tuple)
                and len(chosen) < option.least
                and self.is_shown(option, values)
            ):
                raise Refusal("option_nothing_chosen", option=option.label)
        return values

    def fit(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Values for every option, as near to `given` as they can be had; never refuses.

        For what was asked when the offer was another one: keys that are not offered any more are
        dropped, numbers go to the nearest end, choices that are gone to the initial one.
        """
        values = self.defaults()
        for key, value in given.items():
            if key in self._by_key:
                values[key] = self._by_key[key].fit(value)
        for option in self.options:
            chosen = values[option.key]
            if (
                isinstance(option, SetOption)
                and isinstance(chosen, tuple)
                and len(chosen) < option.least
                and self.is_shown(option, values)
            ):
                values[option.key] = option.default
        return values

    def is_shown(self, option: Option, values: Values) -> bool:
        """Whether `option` means something beside the others' `values`."""
        return option.when is None or option.when.holds(values)

    def parse(self, texts: Mapping[str, Sequence[str]]) -> dict[str, Value]:
        """What a form or an address says, leniently: a number beyond an end counts as that end,
        what cannot be read as not said.

        Args:
            texts: for each key all texts that were sent; other keys are left alone.
        """
        said: dict[str, Value] = {}
        for option in self.options:
            if option.key not in texts:
                continue
            try:
                said[option.key] = option.parse(texts[option.key])
            except Refusal:
                said[option.key] = _nearest(option, texts[option.key])
        return {**self.defaults(), **said}

    def pairs(self, values: Values) -> list[tuple[str, str]]:
        """`values` as the pairs of an address, initial values left out; `parse` reads them back."""
        return [
            (option.key, text)
            for option in self.options
            if values.get(option.key, option.initial) != option.initial
            for text in option.texts(values[option.key])
        ]

    def changed(self, values: Values) -> dict[str, Value]:
        """Those of `values` that differ from the initial ones: what somebody really asked for."""
        return {
            option.key: values[option.key]
            for option in self.options
            if values.get(option.key, option.initial) != option.initial
        }


def values_to_json(values: Values) -> dict[str, Any]:
    """JSON-safe; `values_from_json` reads it back."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def values_from_json(data: Mapping[str, Any]) -> dict[str, Value]:
    """Values as options hold them, of whatever schema: lists of names become tuples.

    Raises:
        TypeError: a value is of no kind that an option has.
    """
    return {str(key): _value_from_json(value) for key, value in data.items()}


def _value_from_json(value: Any) -> Value:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError("an option is a truth value, a number, a name or a list of names")


def _nearest(option: Option, texts: Sequence[str]) -> Value:
    """What a text that was refused comes nearest to."""
    if isinstance(option, SetOption):
        return option.fit(texts)
    if isinstance(option, IntOption | FloatOption):
        text = texts[-1].strip() if texts else ""
        if re.fullmatch(r"[+-]?[0-9]{1,12}", text):
            return option.fit(int(text))
    return option.initial


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        # As many decimals as are read back, and never in powers of ten.
        text = f"{value:.6f}".rstrip("0")
        return f"{text}0" if text.endswith(".") else text
    return "" if value is None else str(value)
