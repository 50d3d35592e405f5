"""What a face swap says of itself on every page that shows one."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, ngettext

from faceweb.media.makers import Description, Entry, Fact
from faceweb.media.models import Asset
from swaps.forms import StudioState
from swaps.recipe import RecipeError, SwapRecipe

LABEL = gettext_lazy("Face swap")
_SENTENCE = gettext_lazy(
    "A face in this picture was replaced by a computer. The person shown may never have been there."
)


def swap_what(engine: str, recipe: SwapRecipe, settings: list[dict[str, Any]]) -> dict[str, Any]:
    """What is kept of a swap to describe it by: codes, numbers and message ids, JSON-safe."""
    return {
        "faces": len(recipe.mapping),
        "photos": len(recipe.sources),
        "engine": engine,
        "settings": settings,
    }


def swap_describe(what: Mapping[str, Any]) -> Description:
    """A swap in words."""
    faces, photos = int(what.get("faces", 1)), int(what.get("photos", 1))
    label = gettext("Face swap")
    if faces > 1:
        label = ngettext("Face swap, %(n)d face", "Face swap, %(n)d faces", faces) % {"n": faces}
    facts = []
    if engine := what.get("engine"):
        facts.append(Fact(gettext_lazy("Engine"), str(engine)))
    facts += [
        Fact(gettext_lazy(told["label"]), ", ".join(gettext(word) for word in told["values"]))
        for told in what.get("settings", ())
    ]
    if photos > 1:
        facts.append(Fact(gettext_lazy("Photos of the new face"), str(photos)))
    return Description(label, _SENTENCE, facts)


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
