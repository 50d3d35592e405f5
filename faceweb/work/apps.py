from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "faceweb.work"
    verbose_name = "Work"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from faceweb.core.durable import queue as durable
        from faceweb.core.frame import FrameLink, link_register
        from faceweb.core.words import words_register
        from faceweb.media import forgetting, retention
        from faceweb.work import checks, services  # noqa: F401 - checks register themselves
        from faceweb.work.parts import parts
        from faceweb.work.previews import previews
        from faceweb.work.queue import jobs
        from faceweb.work.words import WORDS

        words_register(WORDS)
        link_register(
            FrameLink("main", _("Studio"), "studio", 10),
            FrameLink("account", _("My jobs"), "jobs", 10),
        )
        durable.register(jobs)
        durable.register(parts)
        durable.register(previews)
        forgetting.register(services.jobs_of_photos_forget)
        retention.register(services.assets_at_work_keep)
