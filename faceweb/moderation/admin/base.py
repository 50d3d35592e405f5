"""What the panel's lists have in common."""

from typing import Any, cast

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from faceweb.people.models import User


class LookOnlyAdmin(ModelAdmin):
    """Rows that are read here and changed, if at all, by what their actions call."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def staff(request: HttpRequest) -> User:
    """Who asks; the panel has checked that they are signed in."""
    return cast(User, request.user)
