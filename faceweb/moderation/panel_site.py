"""The site behind /admin/: Django's admin in the house's looks, with moderation in front."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from unfold.sites import UnfoldAdminSite


class PanelSite(UnfoldAdminSite):
    """One panel for moderators, leads and admins; each sees what their groups may do."""

    index_title = "Behind the scenes"
    index_template = "moderation/panel/index.html"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        from faceweb.moderation.admin.dashboard import figures

        may_look = request.user.has_perm("moderation.view_dashboard")
        more = figures() if may_look else {}
        context = {"may_look": may_look, **more, **(extra_context or {})}
        return super().index(request, context)


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


def open_cases(request: HttpRequest) -> str:
    """How many wait, for the sidebar."""
    from faceweb.moderation.models import Case

    return str(Case.objects.open().count())


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

    count = {
        "badge": "faceweb.moderation.panel_site.open_cases",
        "badge_variant": "primary",
    }
    overview = {
        "title": "Overview",
        "icon": "monitoring",
        "link": reverse("admin:index"),
        "permission": lambda asked: asked.user.has_perm("moderation.view_dashboard"),
    }
    return [
        {
            "title": "Moderation",
            "items": [
                overview,
                item("Cases", "inbox", "moderation.case", **count),
                item("Blocked pictures", "block", "moderation.blockedhash"),
                item("Protected faces", "face_retouching_off", "moderation.protectedface"),
                item("Strikes", "gavel", "moderation.strike"),
            ],
        },
        {
            "title": "Records",
            "separator": True,
            "items": [
                item("Audit log", "receipt_long", "moderation.auditentry"),
                item("Screenings", "policy", "moderation.screening"),
                item("Share links", "link", "sharing.sharelink"),
                item("Made here", "verified", "provenance.markedresult"),
            ],
        },
        {
            "title": "Site",
            "separator": True,
            "items": [
                item("People", "group", "accounts.user"),
                item("Roles", "badge", "auth.group"),
                item("Photos", "photo_library", "gallery.photo"),
                item("Jobs", "pending_actions", "jobs.job"),
            ],
        },
    ]
