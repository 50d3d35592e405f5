from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "faceweb.core"
    verbose_name = "Core"

    def ready(self) -> None:
        from faceweb.core.options import OPTION_WORDS
        from faceweb.core.words import words_register

        words_register(OPTION_WORDS)
