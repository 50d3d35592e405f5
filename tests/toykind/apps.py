from django.apps import AppConfig


class ToyKindConfig(AppConfig):
    name = "tests.toykind"
    label = "toykind"

    def ready(self) -> None:
        from faceweb.work import kinds
        from tests.toykind.kind import FILTER

        kinds.register(FILTER)
