from typing import Any

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "faceweb.ledger"
    verbose_name = "Faces that were edited"

    def ready(self) -> None:
        from faceweb.media import analysis

        analysis.on_found(_recognise)


def _recognise(*found: Any) -> None:
    # Imported in a worker alone: it looks at pixels.
    from faceweb.ledger.uploads import upload_recognise

    upload_recognise(*found)
