from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "faceweb.sharing"
    verbose_name = "Sharing"
