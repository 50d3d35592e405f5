"""How long photos are kept, and what ends with them.

An upload that made nothing goes after UNUSED_HOURS; everything else after RETENTION_DAYS, which
its owner may put off by as much again, up to RETENTION_MAX_DAYS after it was made. A photo stays at
least as long as what was made of it. 0 switches a limit off.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from faceweb.media.models import Asset, AssetQuerySet, Lineage

Keeper = Callable[[AssetQuerySet], AssetQuerySet]
"""Leaves out those of the photos that may not go yet."""

_keepers: list[Keeper] = []


def register(keeper: Keeper) -> None:
    """Let ``keeper`` say which photos may not be deleted by the clock yet."""
    _keepers.append(keeper)


def assets_over() -> AssetQuerySet:
    """The photos whose time is over, and what its owner deleted while it was on hold."""
    over = Asset.objects.filter(
        Q(expires_at__lte=timezone.now()) | Q(erased_at__isnull=False), legal_hold=False
    )
    for keeper in _keepers:
        over = keeper(over)
    return over


def expiry_of_new(origin: str) -> datetime | None:
    """When a photo that is stored now goes by itself; None where it does not."""
    if origin == Asset.Origin.UPLOAD and settings.UNUSED_HOURS:
        return timezone.now() + timedelta(hours=settings.UNUSED_HOURS)
    return _plan_end()


def _plan_end() -> datetime | None:
    if not settings.RETENTION_DAYS:
        return None
    return timezone.now() + timedelta(days=settings.RETENTION_DAYS)


def asset_kept_until(photo: Asset) -> datetime | None:
    """When ``photo`` would go if its owner kept it for another term; None for never."""
    if not settings.RETENTION_DAYS:
        return None
    now = timezone.now()
    start = max(now, photo.expires_at or now)
    end = start + timedelta(days=settings.RETENTION_DAYS)
    if settings.RETENTION_MAX_DAYS:
        end = min(end, photo.created_at + timedelta(days=settings.RETENTION_MAX_DAYS))
    return max(end, photo.expires_at) if photo.expires_at else end


def asset_may_extend(photo: Asset) -> bool:
    """Whether `asset_keep` would keep ``photo`` for at least another day."""
    if photo.expires_at is None:
        return False
    until = asset_kept_until(photo)
    return until is None or until - photo.expires_at >= timedelta(days=1)


def asset_keep(*, photo: Asset) -> datetime | None:
    """Keep ``photo`` for another term, as far as the site allows; returns until when it is now."""
    photo.expires_at = asset_kept_until(photo)
    photo.save(update_fields=["expires_at"])
    ancestors_keep(photo)
    return photo.expires_at


def ancestors_keep(photo: Asset) -> None:
    """Keep everything that ``photo`` was made of, however long ago, at least as long as it."""
    children, seen = {photo.pk}, {photo.pk}
    while children:
        parents = set(
            Lineage.objects.filter(child__in=children).values_list("parent_id", flat=True)
        )
        children = parents - seen
        seen |= children
    shorter = Asset.objects.filter(pk__in=seen).exclude(expires_at=None)
    if photo.expires_at is not None:
        shorter = shorter.filter(expires_at__lt=photo.expires_at)
    shorter.update(expires_at=photo.expires_at)


def assets_date_undated() -> int:
    """Give photos from before the site had a limit a full term from now; returns how many."""
    end = _plan_end()
    if end is None:
        return 0
    return Asset.objects.filter(expires_at=None).update(expires_at=end)
