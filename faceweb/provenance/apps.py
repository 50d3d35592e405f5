from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    name = "faceweb.provenance"
    verbose_name = "Provenance"

    def ready(self) -> None:
        from faceweb.gallery import marking
        from faceweb.provenance import checks  # noqa: F401
        from faceweb.provenance.marker import ResultMarker

        marking.register(ResultMarker())
