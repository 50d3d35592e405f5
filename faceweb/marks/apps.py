from django.apps import AppConfig


class MarksConfig(AppConfig):
    name = "faceweb.marks"
    verbose_name = "Marks"

    def ready(self) -> None:
        from faceweb.core.words import words_register
        from faceweb.marks import checks, framing  # noqa: F401 - checks register themselves
        from faceweb.marks.words import WORDS
        from faceweb.media import marking

        words_register(WORDS)
        framing.register()
        marking.register("faceweb.marks.marker.ResultMarker", "faceweb.marks.copying.ResultCopier")
