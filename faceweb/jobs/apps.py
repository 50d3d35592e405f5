from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "faceweb.jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        from faceweb.jobs import checks  # noqa: F401 - registers itself
