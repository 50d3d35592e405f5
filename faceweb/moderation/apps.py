from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ModerationConfig(AppConfig):
    name = "faceweb.moderation"
    verbose_name = "Moderation"

    def ready(self) -> None:
        from faceweb.core.durable import queue as durable
        from faceweb.core.words import words_register
        from faceweb.media import retention, screening
        from faceweb.moderation import checks, framing, roles, sections  # noqa: F401 - checks register
        from faceweb.moderation.cases import assets_in_cases_keep
        from faceweb.moderation.notices import notices
        from faceweb.moderation.screening import sections as screening_sections
        from faceweb.moderation.words import WORDS

        durable.register(notices)
        words_register(WORDS)
        screening.register("faceweb.moderation.screening.gate.SiteScreener")
        retention.register(assets_in_cases_keep)
        framing.register()
        sections.register()
        screening_sections.register()
        post_migrate.connect(roles.roles_make, sender=self, dispatch_uid="moderation.roles")
