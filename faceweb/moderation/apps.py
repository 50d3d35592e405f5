from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ModerationConfig(AppConfig):
    name = "faceweb.moderation"
    verbose_name = "Moderation"
    default = True

    def ready(self) -> None:
        from faceweb.moderation import checks  # noqa: F401


class PanelConfig(admin_apps.AdminConfig):
    """Django's admin with the panel's own site in place of the plain one."""

    default = False
    default_site = "faceweb.moderation.panel_site.PanelSite"
