from django.apps import AppConfig


class SwapsConfig(AppConfig):
    name = "swaps"
    verbose_name = "Face swaps"

    def ready(self) -> None:
        from faceweb.media import analysis
        from faceweb.work import kinds
        from faceweb.work.engines import engine_words_register
        from swaps import checks  # noqa: F401 - registers itself
        from swaps.choice import analyser_name
        from swaps.engines import MODULES
        from swaps.kind import SWAP
        from swaps.services import get_engine

        engine_words_register(MODULES)
        kinds.register(SWAP)
        analysis.register(lambda: get_engine().analyser, analyser_name)
