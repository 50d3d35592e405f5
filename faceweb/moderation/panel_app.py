"""Django's admin with the panel's own site in place of the plain one."""

from django.contrib.admin.apps import AdminConfig


class PanelConfig(AdminConfig):
    default_site = "faceweb.moderation.panel_site.PanelSite"

    def ready(self) -> None:
        from faceweb.moderation import panel_checks  # noqa: F401

        super().ready()
