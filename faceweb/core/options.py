"""The options of an engine on a page, on the command line, and in words."""

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faceweb.core.words import Words, refusal_text
from models.options import (
    BoolOption,
    ChoiceOption,
    FloatOption,
    IntOption,
    Option,
    OptionSchema,
    SetOption,
    Value,
    Values,
)
from models.refusals import Refusal

OPTION_WORDS: Final = {
    "option_missing": Words(
        _("This site cannot do it with these settings."),
        _("Choose among the settings that the page shows."),
    ),
    "option_out_of_range": Words(_("%(option)s goes from %(low)s to %(high)s %(unit)s.")),
    "option_unknown_value": Words(
        _("%(option)s cannot be set to this."), _("Choose among the settings that the page shows.")
    ),
    "option_nothing_chosen": Words(
        _("Nothing is chosen for: %(option)s."), _("Choose at least one.")
    ),
}


@dataclass(frozen=True, slots=True)
class FieldItem:
    """One thing to choose, in words."""

    value: str
    label: str
    help: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """An option as a page draws it: `kind` says how, the rest is what stands there."""

    key: str
    kind: str
    label: str
    help: str
    value: Value
    items: tuple[FieldItem, ...] = ()
    in_row: bool = False
    low: float = 0
    high: float = 0
    step: float = 1
    unit: str = ""
    less: str = ""
    more: str = ""
    when_key: str = ""
    when_values: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is set by a slider or typed."""
        return self.kind in {"int", "float"}


def option_fields(schema: OptionSchema, values: Values) -> list[Field]:
    """What a page needs to draw `schema` with `values` set, words translated."""
    return [_field(option, values.get(option.key, option.initial)) for option in schema]


def options_read(schema: OptionSchema, query: QueryDict) -> dict[str, Value]:
    """The options that a posted form or an address holds; what cannot be read is not said."""
    return schema.parse({key: query.getlist(key) for key in query})


def options_told(schema: OptionSchema, values: Values) -> list[tuple[str, str]]:
    """What an engine was told, in words: a label and a value each.

    Args:
        schema: all that the engine could ever be told. What it does not know, because another
            version of it was told so, is named by its key.
        values: as they are kept; what means nothing beside the others is left out.
    """
    known = [option for option in schema if option.key in values]
    told = [
        (_word(option.label), _told(option, values[option.key]))
        for option in known
        if schema.is_shown(option, values)
    ]
    others = [(key, value) for key, value in values.items() if key not in schema]
    return told + [(key.replace("_", " ").capitalize(), _plain(value)) for key, value in others]


def options_flags(parser: ArgumentParser, schema: OptionSchema) -> None:
    """A flag for each option; `options_given` reads them."""
    for option in schema:
        flag = f"--{option.key.replace('_', '-')}"
        said: dict[str, Any] = {"dest": option.key, "default": None, "help": _help(option)}
        if isinstance(option, BoolOption):
            parser.add_argument(flag, action=BooleanOptionalAction, **said)
        elif isinstance(option, SetOption):
            names = [item.value for item in option.items]
            parser.add_argument(flag, nargs="*", choices=names, **said)
        elif isinstance(option, ChoiceOption):
            parser.add_argument(flag, choices=[item.value for item in option.items], **said)
        else:
            parser.add_argument(flag, type=_typed(option), metavar=_range(option), **said)


def options_given(schema: OptionSchema, given: Mapping[str, Any]) -> dict[str, Value]:
    """The values of the flags that were used, checked.

    Raises:
        Refusal: they do not go together.
    """
    used = {option.key: given.get(option.key) for option in schema}
    return schema.check({key: value for key, value in used.items() if value is not None})


def _field(option: Option, value: Value) -> Field:
    said: dict[str, Any] = {}
    if isinstance(option, IntOption | FloatOption):
        said = {
            "low": option.low,
            "high": option.high,
            "step": option.step,
            "unit": gettext(option.unit) if option.unit.isalpha() else option.unit,
            "less": _word(option.less),
            "more": _word(option.more),
        }
    elif isinstance(option, ChoiceOption | SetOption):
        chosen = value if isinstance(value, tuple) else (value,)
        said = {
            "items": tuple(
                FieldItem(item.value, _word(item.label), _word(item.help), item.value in chosen)
                for item in option.items
            ),
            "in_row": option.in_row,
        }
    if option.when is not None:
        said["when_key"] = option.when.key
        said["when_values"] = " ".join(str(wanted) for wanted in option.when.values)
    return Field(
        key=option.key,
        kind=option.kind,
        label=_word(option.label),
        help=_word(option.help),
        value=value,
        **said,
    )


def _word(message: str) -> str:
    # The empty message id is the head of a catalogue.
    return gettext(message) if message else ""


def _told(option: Option, value: Value) -> str:
    if isinstance(option, ChoiceOption | SetOption):
        labels = {item.value: item.label for item in option.items}
        chosen = value if isinstance(value, tuple) else (value,)
        return ", ".join(_word(labels.get(str(one), str(one))) for one in chosen) or _plain(None)
    unit = option.unit if isinstance(option, IntOption | FloatOption) else ""
    if value is None or not unit:
        return _plain(value)
    return f"{value} {gettext(unit) if unit.isalpha() else unit}"


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return gettext("on") if value else gettext("off")
    if isinstance(value, tuple):
        return ", ".join(value) or _plain(None)
    return gettext("none") if value is None else str(value)


def _help(option: Option) -> str:
    text = option.label if not option.help else f"{option.label}. {option.help}"
    initial = option.initial
    if initial is not None and not isinstance(option, BoolOption):
        shown = " ".join(initial) if isinstance(initial, tuple) else str(initial)
        text = f"{text} ({shown or 'none'})"
    return text.replace("%", "%%")


def _range(option: Option) -> str:
    if isinstance(option, IntOption | FloatOption):
        return f"{option.low:g}..{option.high:g}"
    return option.key.upper()


def _typed(option: Option) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        try:
            return option.parse([text])
        except Refusal as error:
            raise ArgumentTypeError(refusal_text(error)) from error

    return read


def joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``, each translated."""
    *first, last = [_word(word) for word in words] or [""]
    if not first:
        return last
    return gettext("%(list)s and %(last)s") % {"list": ", ".join(first), "last": last}
