from django.apps import AppConfig


class MarksConfig(AppConfig):
    name = "faceweb.marks"
    verbose_name = "Marks"

    def ready(self) -> None:
        from faceweb.marks import checks  # noqa: F401
        from faceweb.marks.marker import ResultMarker
        from faceweb.media import marking

        marking.register(ResultMarker())
