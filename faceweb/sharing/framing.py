"""What pages of other slices show of sharing; those below know nothing of links."""

from typing import Any, cast

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from faceweb.core.frame import FrameLink, link_register
from faceweb.media.models import Asset
from faceweb.media.panels import Panel
from faceweb.media.panels import register as panel_register
from faceweb.people.models import User
from faceweb.sharing.errors import ShareRefused
from faceweb.sharing.forms import NewLinkForm
from faceweb.sharing.services import share_check

SHOWN = 3


def share_panel(request: HttpRequest, photo: Asset) -> str:
    """The links to a result, and a form for one more or why there can be none."""

    from faceweb.sharing.copies import original_of

    if not photo.is_result:
        return ""
    owner = cast(User, request.user)
    links = photo.share_links.select_related("owner")
    context: dict[str, Any] = {
        "photo": photo,
        "links": links[:SHOWN],
        "links_more": max(0, links.count() - SHOWN),
    }
    try:
        share_check(owner=owner, photo=photo)
    except ShareRefused as refusal:
        context["refusal"] = refusal
    else:
        context["form"] = NewLinkForm(owner, has_original=original_of(photo) is not None)
    return render_to_string("sharing/_panel.html", context, request)


def register() -> None:
    """Called once, when the app is ready."""
    link_register(FrameLink("account", _("My links"), "links", 20))
    panel_register(Panel("sharing", share_panel, 40, "sharing/sharing.css"))
