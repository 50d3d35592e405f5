from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "faceweb.moderation"
    verbose_name = "Moderation"
