from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "faceweb.work"
    verbose_name = "Work"

    def ready(self) -> None:
        from faceweb.core.durable import queue as durable
        from faceweb.media import forgetting, retention
        from faceweb.work import checks, services  # noqa: F401 - checks register themselves
        from faceweb.work.queue import jobs

        durable.register(jobs)
        forgetting.register(services.jobs_of_photos_forget)
        retention.register(services.assets_at_work_keep)
