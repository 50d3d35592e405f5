"""faceweb: a self-hosted web studio for faces."""

from faceweb.celery import app as celery_app

__all__ = ["celery_app"]
