"""What the result's page shows about sharing; the gallery below knows nothing of links."""

from typing import Any

from django import template
from django.template.context import Context

from faceweb.media.models import Asset
from faceweb.sharing.copies import original_of
from faceweb.sharing.errors import ShareRefused
from faceweb.sharing.forms import NewLinkForm
from faceweb.sharing.services import share_check

register = template.Library()

SHOWN = 3


@register.inclusion_tag("sharing/_panel.html", takes_context=True)
def share_panel(context: Context, photo: Asset) -> dict[str, Any]:
    """The links to a result, and a form for one more or why there can be none."""
    owner = context["user"]
    links = photo.share_links.select_related("owner")
    panel: dict[str, Any] = {
        "photo": photo,
        "links": links[:SHOWN],
        "links_more": max(0, links.count() - SHOWN),
        "csrf_token": context.get("csrf_token"),
    }
    try:
        share_check(owner=owner, photo=photo)
    except ShareRefused as refusal:
        panel["refusal"] = refusal
    else:
        panel["form"] = NewLinkForm(owner, has_original=original_of(photo) is not None)
    return panel
