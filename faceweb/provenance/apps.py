from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    name = "faceweb.provenance"
    verbose_name = "Provenance"
