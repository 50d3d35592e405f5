"""The site behind /admin/: Django's admin in the house's looks, with moderation in front."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from unfold.sites import UnfoldAdminSite


class PanelSite(UnfoldAdminSite):
    """One panel for moderators, leads and admins; each sees what their groups may do."""

    index_title = "Behind the scenes"


def colours(request: HttpRequest) -> dict[str, Any]:
    """None in the page: faceweb-admin/panel.css has them."""
    return {}


def stylesheet(request: HttpRequest) -> str:
    return static("faceweb-admin/panel.css")


def favicon(request: HttpRequest) -> str:
    return static("logo.svg")


def htmx_settings(request: HttpRequest) -> str:
    return static("faceweb-admin/panel.js")


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """What the menu under one's own name leads to."""
    return [
        {"title": "Profile", "link": reverse("profile")},
        {"title": "Second factor", "link": reverse("mfa_index")},
    ]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: sections, and in them what this person may see."""

    def item(title: str, icon: str, model: str, **more: Any) -> dict[str, Any]:
        app, _, name = model.partition(".")
        return {
            "title": title,
            "icon": icon,
            "link": reverse(f"admin:{app}_{name}_changelist"),
            "permission": lambda asked: asked.user.has_perm(f"{app}.view_{name}"),
            **more,
        }

    return [
        {
            "title": "Site",
            "separator": True,
            "items": [
                item("People", "group", "accounts.user"),
                item("Photos", "photo_library", "gallery.photo"),
                item("Jobs", "pending_actions", "jobs.job"),
            ],
        },
    ]
