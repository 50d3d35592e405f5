"""faceweb: a self-hosted web studio for faces."""

import models  # noqa: F401 - first of all: it switches reports of libraries off
from faceweb.celery import app as celery_app

__all__ = ["celery_app"]
