"""Photos behind the scenes: what they are, with the picture itself left away until asked for."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from faceweb.media.delivery import asset_response
from faceweb.media.models import Asset, Lineage
from faceweb.media.services import assets_delete

# Told whenever a member of staff looks at somebody's picture here.
Watcher = Callable[[HttpRequest, Asset], None]
_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Register who is told; the floors above keep the log."""
    _watchers.append(watcher)


class ParentInline(TabularInline):
    """What a result was made of."""

    model = Lineage
    fk_name = "child"
    verbose_name_plural = "made of"
    fields = ("role", "parent")
    readonly_fields = fields
    show_change_link = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lineage]:
        return super().get_queryset(request).select_related("parent", "child")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Asset)
class AssetAdmin(ModelAdmin):
    """Found by id or by the owner's e-mail; nothing can be changed, deleting removes the files."""

    list_display = (
        "veiled", "id", "origin", "owner", "dimensions", "face_count", "analysis", "created_at",
    )  # fmt: skip
    list_display_links = ("id",)
    list_filter = ("kind", "origin", "made_by", "analysis", "created_at")
    list_select_related = ("owner",)
    list_per_page = 50
    search_fields = ("id", "owner__email")
    search_help_text = "The photo's id, or its owner's e-mail address."
    date_hierarchy = "created_at"
    show_full_result_count = False
    inlines = (ParentInline,)
    fieldsets = (
        (None, {"fields": ("veiled", "id", "origin", "owner", "created_at")}),
        ("Picture", {"fields": ("dimensions", "bytes", "upload_sha256")}),
        ("Consent", {"fields": ("consent_version", "consent_at")}),
        (
            "Analysis",
            {
                "fields": (
                    "analysis", "analyser", "face_count",
                )
            },
        ),
        ("Making", {"fields": ("making",)}),
    )  # fmt: skip

    class Media:
        css = {"all": ("media/veil.css",)}
        js = ("media/veil.js",)

    def has_change_permission(self, request: HttpRequest, obj: Asset | None = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        thumb = path(
            "<uuid:photo_id>/thumb/",
            self.admin_site.admin_view(self.thumb_view),
            name="media_asset_thumb",
        )
        return [thumb, *super().get_urls()]

    def thumb_view(self, request: HttpRequest, photo_id: UUID) -> HttpResponseBase:
        """The thumbnail, for staff who may see photos at all; that they look is kept."""
        photo = get_object_or_404(Asset, pk=photo_id)
        if not self.has_view_permission(request, photo):
            raise PermissionDenied
        for watcher in _watchers:
            watcher(request, photo)
        return asset_response(request, photo, "thumb")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # What hangs on it goes with it, whether they may touch that by itself or not.
        shown, counts, _needed, protected = super().get_deleted_objects(objs, request)
        return shown, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: Asset) -> None:
        assets_delete(owner=obj.owner_id, ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> None:
        for photo in queryset:
            self.delete_model(request, photo)

    @admin.display(description="picture")
    def veiled(self, photo: Asset) -> SafeString:
        return format_html(
            '<button type="button" class="veil" aria-pressed="false"'
            ' aria-label="Show this picture">'
            '<img data-src="{}" alt="" width="80" height="80"></button>',
            reverse("admin:media_asset_thumb", args=[photo.pk]),
        )

    @admin.display(description="pixels")
    def dimensions(self, photo: Asset) -> str:
        return f"{photo.width} x {photo.height}"

    @admin.display(description="faces")
    def face_count(self, photo: Asset) -> int:
        return len(photo.faces)
