from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ModerationConfig(AppConfig):
    name = "faceweb.moderation"
    verbose_name = "Moderation"

    def ready(self) -> None:
        from faceweb.moderation import roles, sections

        sections.register()
        post_migrate.connect(roles.roles_make, sender=self, dispatch_uid="moderation.roles")
