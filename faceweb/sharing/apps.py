from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "faceweb.sharing"
    verbose_name = "Sharing"

    def ready(self) -> None:
        from faceweb.core.words import words_register
        from faceweb.sharing import framing, sections, signals
        from faceweb.sharing.words import WORDS

        words_register(WORDS)
        framing.register()
        sections.register()
        signals.connect()
