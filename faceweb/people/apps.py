from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "faceweb.people"
    verbose_name = "People"
