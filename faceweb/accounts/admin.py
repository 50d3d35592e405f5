from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from faceweb.accounts.models import User
from faceweb.accounts.services import account_delete


class UserAddForm(UserCreationForm):
    """Django's own form, for an account without a user name."""

    class Meta:
        model = User
        fields = ("email",)


class UserEditForm(UserChangeForm):
    """Django's own form, for an account without a user name."""

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """People: found by e-mail or id; what they are and have, without their pictures."""

    form = UserEditForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("-date_joined",)
    list_display = ("email", "name", "photo_count", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups", "date_joined")
    search_fields = ("email", "name", "id")
    readonly_fields = ("id", "date_joined", "last_login", "photo_count")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "password")}),
        ("Standing", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Activity", {"fields": ("photo_count", "date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    filter_horizontal = ("groups",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(_photo_count=Count("photos"))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        account_delete(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            account_delete(user=user)

    @admin.display(description="photos", ordering="_photo_count")
    def photo_count(self, user: User) -> int:
        return int(getattr(user, "_photo_count", 0))
