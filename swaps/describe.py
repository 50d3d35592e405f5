"""What a face swap says of itself on every page that shows one."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, ngettext

from faceweb.core.options import options_told
from faceweb.core.stored import StoredError
from faceweb.media.makers import Description, Entry, Fact
from faceweb.media.models import Asset
from models.options import OptionSchema, Values
from swaps.choice import engine_known
from swaps.forms import StudioState
from swaps.made import SwapWhat
from swaps.recipe import RecipeError, SwapRecipe

LABEL = gettext_lazy("Face swap")
_SENTENCE = gettext_lazy(
    "A face in this picture was replaced by a computer. The person shown may never have been there."
)


def swap_describe(what: Mapping[str, Any]) -> Description:
    """A swap in words."""
    try:
        told = SwapWhat.from_dict(what)
    except StoredError:
        told = SwapWhat()
    label = gettext("Face swap")
    if told.faces > 1:
        counted = ngettext("Face swap, %(n)d face", "Face swap, %(n)d faces", told.faces)
        label = counted % {"n": told.faces}
    facts = []
    if told.engine:
        facts.append(Fact(gettext_lazy("Engine"), told.engine))
    facts += options_facts(told.engine, told.options)
    if told.photos > 1:
        facts.append(Fact(gettext_lazy("Photos of the new face"), str(told.photos)))
    return Description(label, _SENTENCE, facts)


def options_facts(engine: str, options: Values) -> list[Fact]:
    """What an engine was told, in its own words where it is still there."""
    spec = engine_known(engine)
    schema = spec.vocabulary() if spec else OptionSchema()
    return [Fact(label, value) for label, value in options_told(schema, options)]


def swap_entries(photo: Asset) -> Iterable[Entry]:
    """The ways from a picture into the studio: as what is changed, or as the new face."""
    target = f"{reverse('studio')}?{urlencode({'target': photo.pk})}"
    if photo.is_result:
        yield Entry(gettext_lazy("Use as the next photo"), target, "base/icons/make.svg", 30)
        return
    yield Entry(gettext_lazy("Change this photo"), target, "base/icons/portrait.svg", 10, True)
    source = f"{reverse('studio')}?{urlencode({'source': photo.pk})}"
    yield Entry(gettext_lazy("Use this face"), source, "base/icons/make.svg", 30)


def swap_again(recipe: Mapping[str, Any]) -> str:
    """The studio as it was when a job was asked for; empty where its recipe cannot be read."""
    try:
        return StudioState.from_recipe(SwapRecipe.from_dict(dict(recipe))).url()
    except RecipeError:
        return ""
