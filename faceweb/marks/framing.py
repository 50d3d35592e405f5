"""What pages of other slices show of the marks."""

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from faceweb.core.frame import FrameLink, link_register
from faceweb.media.models import Asset
from faceweb.media.panels import Panel
from faceweb.media.panels import register as panel_register


def marks_panel(request: HttpRequest, photo: Asset) -> str:
    """What marks a result carries."""
    if not photo.is_result:
        return ""
    context = {"badge_optional": settings.BADGE_OPTIONAL}
    return render_to_string("marks/_marks.html", context, request)


def register() -> None:
    """Called once, when the app is ready."""
    link_register(FrameLink("foot", _("Check a picture"), "verify", 10))
    panel_register(Panel("marks", marks_panel, 60, "marks/marks.css"))
