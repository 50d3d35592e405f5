"""What moderation has on record: read here, changed only by the actions that are offered."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from faceweb.core.words import sentence_of
from faceweb.marks.models import MarkedResult
from faceweb.moderation.admin.base import LookOnlyAdmin, staff
from faceweb.moderation.admin.blocking import BlockedHashForm, hash_switch, hashes_block
from faceweb.moderation.audit import audit_write
from faceweb.moderation.models import BlockedHash, ProtectedFace, Screening, Strike
from faceweb.moderation.protected import ProtectionError, protected_face_withdraw
from faceweb.moderation.reasons import reason_of
from faceweb.moderation.strikes import strike_lift
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import link_revoke


@admin.register(Strike)
class StrikeAdmin(LookOnlyAdmin):
    """Strikes are given by decisions; a lead can lift one."""

    list_display = ("id", "level", "why", "whose", "created_at", "expires_at", "lifted_at")
    list_filter = ("level", "created_at", "lifted_at")
    list_select_related = ("person",)
    search_fields = ("id", "person__id")
    search_help_text = "A strike's id, or its person's."
    actions = ("lift",)
    fields = (
        "id", "level", "why", "whose", "text", "evidence_sha256",
        "created_at", "expires_at", "lifted_at",
    )  # fmt: skip

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.suspend_person")

    @admin.action(description="Lift the selected strikes", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Strike]) -> None:
        lifted = sum(strike_lift(strike=strike, by=staff(request)) for strike in queryset)
        self.message_user(request, f"{lifted} lifted.", messages.SUCCESS)

    @admin.display(description="reason", ordering="reason")
    def why(self, strike: Strike) -> str:
        return reason_of(strike.reason).label

    @admin.display(description="person")
    def whose(self, strike: Strike) -> str:
        return str(strike.person_id)


@admin.register(ShareLink)
class ShareLinkAdmin(LookOnlyAdmin):
    """Links and how often they were opened; the addresses themselves are known to nobody here."""

    list_display = ("id", "photo_id", "owner_id", "views", "created_at", "expires_at", "revoked_at")
    list_filter = ("created_at", "expires_at", "revoked_at")
    search_fields = ("id", "photo__id", "owner__id")
    search_help_text = "A link's id, its picture's or its owner's."
    fields = (
        "id", "photo_id", "owner_id", "allow_download", "show_original", "max_views", "views",
        "created_at", "expires_at", "revoked_at",
    )  # fmt: skip
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sharing.change_sharelink")

    @admin.action(description="Revoke the selected links", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        revoked = 0
        for link in queryset.filter(revoked_at=None):
            link_revoke(link=link)
            audit_write(actor=staff(request), action="link.revoke", target=link)
            revoked += 1
        self.message_user(request, f"{revoked} revoked.", messages.SUCCESS)


@admin.register(BlockedHash)
class BlockedHashAdmin(ModelAdmin):
    """Pictures that may not come back."""

    form = BlockedHashForm
    list_display = ("short", "kind", "why", "is_active", "added_by", "created_at")
    list_filter = ("kind", "is_active", "created_at")
    list_select_related = ("added_by",)
    search_fields = ("value", "note", "case__ticket")
    search_help_text = "A hash, a note, or a case's ticket."
    actions = ("switch_off", "switch_on")
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.change_blockedhash")

    def get_fields(self, request: HttpRequest, obj: BlockedHash | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("picture", "kind", "value", "reason", "note")
        return ("kind", "value", "why", "note", "is_active", "case", "added_by", "created_at")

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> BlockedHash:
        rows = hashes_block(
            hashes=form.hashes,
            reason=form.cleaned_data["reason"],
            note=form.cleaned_data["note"],
            by=staff(request),
        )
        form.save_m2m = lambda: None
        return rows[0]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """`save_form` has written every row, with its audit entry."""

    @admin.action(description="Switch the selected entries off", permissions=["switch"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[BlockedHash]) -> None:
        self._switch(request, queryset, on=False)

    @admin.action(description="Switch the selected entries on", permissions=["switch"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[BlockedHash]) -> None:
        self._switch(request, queryset, on=True)

    def _switch(self, request: HttpRequest, rows: QuerySet[BlockedHash], *, on: bool) -> None:
        changed = sum(hash_switch(row=row, on=on, by=staff(request)) for row in rows)
        self.message_user(request, f"{changed} switched {'on' if on else 'off'}.", messages.SUCCESS)

    @admin.display(description="hash")
    def short(self, row: BlockedHash) -> str:
        return f"{row.value[:16]}…"

    @admin.display(description="reason", ordering="reason")
    def why(self, row: BlockedHash) -> str:
        return reason_of(row.reason).label


@admin.register(MarkedResult)
class MarkedResultAdmin(LookOnlyAdmin):
    """Everything that was made here, known again by its marks."""

    list_display = ("mark_id", "kind", "engine", "made_at", "photo_id")
    list_filter = ("kind", "engine", "made_at")
    search_fields = ("mark_id", "photo__id")
    search_help_text = "A mark's number, or a picture's id."
    fields = ("mark_id", "kind", "engine", "made_at", "photo_id", "pdq", "pdq_badged")


@admin.register(Screening)
class ScreeningAdmin(LookOnlyAdmin):
    """What the machines said, and how sure they were."""

    list_display = ("created_at", "subject", "state", "why", "model", "photo_id")
    list_filter = ("subject", "state", "reason", "model", "created_at")
    search_fields = ("photo__id", "sha256")
    search_help_text = "A picture's id or digest."
    date_hierarchy = "created_at"
    fields = ("created_at", "subject", "state", "why", "scores", "model", "photo_id", "sha256")

    @admin.display(description="reason", ordering="reason")
    def why(self, screening: Screening) -> str:
        return reason_of(screening.reason).label if screening.reason else ""


@admin.register(ProtectedFace)
class ProtectedFaceAdmin(LookOnlyAdmin):
    """Who asked for protection, without anything that would identify them."""

    list_display = ("id", "state", "ticket", "created_at", "decided_at")
    list_filter = ("state", "created_at")
    list_select_related = ("case",)
    search_fields = ("id", "case__ticket")
    search_help_text = "A request's id or ticket."
    fields = ("id", "state", "ticket", "networks", "created_at", "decided_at")
    actions = ("withdraw",)

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.change_protectedface")

    @admin.action(
        description="Withdraw the protection of the selected faces", permissions=["withdraw"]
    )
    def withdraw(self, request: HttpRequest, queryset: QuerySet[ProtectedFace]) -> None:
        done = 0
        for face in queryset:
            try:
                protected_face_withdraw(face=face, by=staff(request))
            except ProtectionError as error:
                self.message_user(request, sentence_of(error.code, error.params), messages.WARNING)
            else:
                done += 1
        self.message_user(request, f"{done} withdrawn.", messages.SUCCESS)

    @admin.display(description="ticket")
    def ticket(self, face: ProtectedFace) -> str:
        return face.case.ticket if face.case is not None else ""

    @admin.display(description="kept for")
    def networks(self, face: ProtectedFace) -> str:
        return ", ".join(sorted(face.embeddings)) or "nothing"
