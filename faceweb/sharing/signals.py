"""What must go when a photo goes, whoever deletes it."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete

from faceweb.media.models import Asset


def _photo_deleted(sender: type[Asset], instance: Asset, **kwargs: Any) -> None:
    from faceweb.sharing.copies import copies_forget

    transaction.on_commit(partial(copies_forget, instance.pk), robust=True)


def connect() -> None:
    """Called once, when the app is ready."""
    post_delete.connect(_photo_deleted, sender=Asset, dispatch_uid="faceweb.sharing.copies")
