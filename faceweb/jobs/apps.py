from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "faceweb.jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        from faceweb.gallery import forgetting, retention
        from faceweb.jobs import checks, services  # noqa: F401 - checks register themselves

        forgetting.register(services.jobs_of_photos_forget)
        retention.register(services.photos_at_work_keep)
