from django.apps import AppConfig


class SwapsConfig(AppConfig):
    name = "swaps"
    verbose_name = "Face swaps"

    def ready(self) -> None:
        from faceweb.jobs import kinds
        from swaps.kind import SWAP

        kinds.register(SWAP)
