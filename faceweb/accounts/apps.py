from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "faceweb.accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from faceweb.accounts import sections

        sections.register()
