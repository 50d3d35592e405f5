from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "faceweb.ledger"
    verbose_name = "Faces that were edited"

    def ready(self) -> None:
        from faceweb.ledger.uploads import upload_recognise
        from faceweb.media import analysis

        analysis.on_found(upload_recognise)
