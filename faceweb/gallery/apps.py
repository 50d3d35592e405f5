from django.apps import AppConfig


class GalleryConfig(AppConfig):
    name = "faceweb.gallery"
    verbose_name = "Gallery"

    def ready(self) -> None:
        from faceweb.gallery import checks  # noqa: F401
