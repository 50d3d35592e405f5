"""What an edit says of itself on every page that shows one."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, pgettext

from editing.choice import editor_choice
from editing.engines.base import AGE, YEARS_KEY
from editing.forms import EditorState
from editing.made import EditWhat
from editing.recipe import EditRecipe
from faceweb.core.stored import StoredError
from faceweb.media.makers import Description, Entry, Fact
from faceweb.media.models import Asset
from faceweb.work.kinds.recipes import RecipeError

LABEL = gettext_lazy("Smile and age")
_SENTENCE = gettext_lazy(
    "A face in this picture was changed by a computer. The person did not look quite like this."
)


def slider_word(key: str) -> str:
    """The name of a slider inside a sentence; directions that an operator added are their own."""
    known = {"smile": pgettext("slider", "smile"), "age": pgettext("slider", "age")}
    return known.get(key, key)


def edit_describe(what: Mapping[str, Any]) -> Description:
    """An edit in words: what was given, in percent of each slider."""
    try:
        told = EditWhat.from_dict(what)
    except StoredError:
        told = EditWhat()
    changes = [
        f"{slider_word(key)} {percent:+d}".replace("-", "\N{MINUS SIGN}")
        for key, percent in sorted(told.applied.items())
        if percent
    ]
    facts = []
    if told.engine:
        facts.append(Fact(gettext_lazy("Engine"), told.engine))
    if told.face is not None:
        facts.append(Fact(gettext_lazy("Face"), str(told.face + 1)))
    return Description(", ".join(changes) or LABEL, _SENTENCE, facts)


def changes_asked(recipe: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a job's recipe asks for, each with ``label`` and ``value`` in words."""
    try:
        options = EditRecipe.from_dict(dict(recipe)).options
    except RecipeError:
        return []
    schema = editor_choice().offer.options
    # PostgreSQL keeps no order of keys: the sliders' own comes first, then what is no slider here.
    places = {option.key: place for place, option in enumerate(schema)}
    changes = []
    for key in sorted(options, key=lambda key: (places.get(key, len(places)), key)):
        value = options[key]
        label = gettext(schema[key].label) if key in schema else slider_word(key).capitalize()
        if key == YEARS_KEY:
            label, told = gettext(AGE.label), gettext("%(years)s years") % {"years": value}
        elif isinstance(value, int) and not isinstance(value, bool):
            told = f"{value:+d}".replace("-", "\N{MINUS SIGN}")
        else:
            told = str(value)
        changes.append({"label": label, "value": told})
    return changes


def edit_entries(photo: Asset) -> Iterable[Entry]:
    """The editor, for a photo with a face or one whose faces are still looked for."""
    if photo.faces or not photo.is_ready:
        url = f"{reverse('edits')}?{urlencode({'photo': photo.pk})}"
        yield Entry(LABEL, url, "editing/icons/smile.svg", 20)


def edit_again(recipe: Mapping[str, Any]) -> str:
    """The editor as it was when a job was asked for; empty where its recipe cannot be read."""
    try:
        return EditorState.from_recipe(EditRecipe.from_dict(dict(recipe))).address()
    except RecipeError:
        return ""
