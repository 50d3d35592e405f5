from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "faceweb.moderation"
    verbose_name = "Moderation"

    def ready(self) -> None:
        from faceweb.gallery import screening
        from faceweb.moderation import checks  # noqa: F401
        from faceweb.moderation.screening import sections
        from faceweb.moderation.screening.screener import PictureScreener

        screening.register(PictureScreener())
        sections.register()
