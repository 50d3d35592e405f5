from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "faceweb.people"
    verbose_name = "People"

    def ready(self) -> None:
        from faceweb.people import second_factor

        second_factor.register()
