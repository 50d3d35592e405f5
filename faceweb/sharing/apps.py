from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "faceweb.sharing"
    verbose_name = "Sharing"

    def ready(self) -> None:
        from faceweb.sharing import framing, sections, signals

        framing.register()
        sections.register()
        signals.connect()
