"""The Celery application. Tasks carry ids in JSON; the database row is the truth."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceweb.settings")

app = Celery("faceweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["faceweb.core.durable"])


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """One log configuration for web and workers: Django's."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@task_prerun.connect
def write_whole_addresses(**_: Any) -> None:
    """Links in mails have the path of the site, in whichever thread a task runs."""
    from faceweb.core.addresses import site_path_enter

    site_path_enter()
