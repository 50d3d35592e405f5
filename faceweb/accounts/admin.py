from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from faceweb.accounts.services import account_delete
from faceweb.people.models import User
from faceweb.people.second_factor import has_second_factor


class UserAddForm(UserCreationForm):
    """Django's own form, for an account without a user name."""

    class Meta:
        model = User
        fields = ("email",)


class UserFieldsForm(UserChangeForm):
    """Django's own form, for an account without a user name."""

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """People: found by e-mail or id; what they are and have, without their pictures.

    Standing is changed by decisions about cases alone, never here. Only a superuser touches another
    superuser, or says who is one.
    """

    form = UserFieldsForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("-date_joined",)
    list_display = ("email", "name", "photo_count", "standing", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups", "date_joined")
    search_fields = ("email", "name", "id")
    search_help_text = "An e-mail address, a name or an id."
    readonly_fields = (
        "id", "standing", "second_factor", "date_joined", "last_login", "photo_count",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "password")}),
        ("Standing", {"fields": ("standing",)}),
        ("Role", {"fields": ("is_staff", "groups", "is_superuser", "second_factor")}),
        ("Activity", {"fields": ("photo_count", "date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    filter_horizontal = ()
    actions = ("forget_second_factor",)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(_photo_count=Count("photos"))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        # Whoever may only look has no business with how somebody signs in.
        hidden = {"password"}
        return [
            (title, {**options, "fields": [f for f in options["fields"] if f not in hidden]})
            for title, options in fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("people.change_user")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # What hangs on it goes with it, whether they may touch that by itself or not.
        shown, counts, _needed, protected = super().get_deleted_objects(objs, request)
        return shown, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        account_delete(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            if _may_touch(request, user):
                account_delete(user=user)

    @admin.action(description="Forget the second factor (lost phone)", permissions=["reset"])
    def forget_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        people = [person for person in queryset if _may_touch(request, person)]
        Authenticator.objects.filter(user__in=people).delete()
        for person in people:
            self.log_change(request, person, "second factor forgotten")
        note = f"{len(people)} set up a new one when they sign in next."
        self.message_user(request, note, messages.SUCCESS)

    @admin.display(description="standing")
    def standing(self, user: User) -> str:
        if not user.is_active:
            return "suspended"
        if user.frozen_at is not None:
            return "frozen"
        return "good" if user.may_share else "sharing off"

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: User) -> bool:
        return has_second_factor(user)

    @admin.display(description="photos", ordering="_photo_count")
    def photo_count(self, user: User) -> int:
        return int(getattr(user, "_photo_count", 0))


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    """Whether this account is not above the one that asks."""
    return person is None or not person.is_superuser or request.user.is_superuser


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """The roles; what each may do is made sure of after every migration."""


# Its secrets are nobody's to read or to change: see `UserAdmin.forget_second_factor`.
admin.site.unregister(Authenticator)
