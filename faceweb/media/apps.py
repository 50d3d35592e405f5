from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "faceweb.media"
    verbose_name = "Media"

    def ready(self) -> None:
        from faceweb.core.durable import queue as durable
        from faceweb.media import checks  # noqa: F401
        from faceweb.media.analysis_queue import analysis
        from faceweb.media.services import owner_has_assets
        from faceweb.people import erasure

        durable.register(analysis)
        erasure.register(owner_has_assets)
