from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "faceweb.media"
    verbose_name = "Media"

    def ready(self) -> None:
        from faceweb.media import checks  # noqa: F401
