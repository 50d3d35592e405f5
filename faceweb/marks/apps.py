from django.apps import AppConfig


class MarksConfig(AppConfig):
    name = "faceweb.marks"
    verbose_name = "Marks"

    def ready(self) -> None:
        from faceweb.marks import checks, framing  # noqa: F401 - checks register themselves
        from faceweb.marks.marker import ResultMarker
        from faceweb.media import marking

        framing.register()
        marking.register(ResultMarker())
