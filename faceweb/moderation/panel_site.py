"""The site behind /admin/: Django's admin in the house's looks, with moderation in front."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from unfold.sites import UnfoldAdminSite


class Kept:
    """Mixed into every part of the panel: what its forms add, change or delete is in the log."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._keep(request, [obj], "add")
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._keep(request, [obj], "change", _fields(message))
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        self._keep(request, queryset, "delete")
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    @staticmethod
    def _keep(
        request: HttpRequest, rows: Iterable[Model], what: str, fields: list[str] | None = None
    ) -> None:
        from faceweb.moderation.audit import audit_write

        for row in rows:
            audit_write(actor=request.user, action=f"panel.{what}", target=row, fields=fields or [])


def _fields(message: Any) -> list[str]:
    """The names of the fields that a change was about, never what was in them."""
    if not isinstance(message, list):
        return [str(message)]
    changes = [part.get("changed", {}) for part in message]
    return [str(name) for change in changes for name in change.get("fields", [])]


class PanelSite(UnfoldAdminSite):
    """One panel for moderators, leads and admins; each sees what their groups may do."""

    index_title = "Behind the scenes"
    index_template = "moderation/panel/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        base = admin_class or ModelAdmin
        kept = type(base.__name__, (Kept, base), {"__module__": base.__module__})
        super().register(model_or_iterable, kept, **options)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        from faceweb.moderation.admin.dashboard import figures

        may_look = request.user.has_perm("moderation.view_dashboard")
        more = figures() if may_look else {}
        context = {"may_look": may_look, **more, **(extra_context or {})}
        return super().index(request, context)


def colours(request: HttpRequest) -> dict[str, Any]:
    """None in the page: moderation/panel.css has them."""
    return {}


def stylesheet(request: HttpRequest) -> str:
    return static("moderation/panel.css")


def favicon(request: HttpRequest) -> str:
    return static("base/logo.svg")


def htmx_settings(request: HttpRequest) -> str:
    return static("moderation/panel.js")


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
                item("Made here", "verified", "marks.markedresult"),
            ],
        },
        {
            "title": "Site",
            "separator": True,
            "items": [
                item("People", "group", "people.user"),
                item("Roles", "badge", "auth.group"),
                item("Photos", "photo_library", "media.asset"),
                item("Jobs", "pending_actions", "work.job"),
            ],
        },
    ]
