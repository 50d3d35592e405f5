from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "faceweb.accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from django.utils.translation import gettext_lazy as _

        from faceweb.accounts import sections
        from faceweb.core.frame import FrameLink, link_register

        link_register(FrameLink("account", _("Profile and data"), "profile", 30))
        sections.register()
