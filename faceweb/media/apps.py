from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "faceweb.media"
    verbose_name = "Media"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from faceweb.core.durable import queue as durable
        from faceweb.core.frame import FrameLink, link_register
        from faceweb.core.words import words_register
        from faceweb.media import checks  # noqa: F401 - checks register themselves
        from faceweb.media.analysis_queue import analysis
        from faceweb.media.services import owner_has_assets
        from faceweb.media.words import WORDS
        from faceweb.people import erasure

        words_register(WORDS)
        link_register(FrameLink("main", _("Gallery"), "photos", 20))
        durable.register(analysis)
        erasure.register(owner_has_assets)
