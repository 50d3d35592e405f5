"""Forms for making and changing links, and for opening one with a password."""

import unicodedata
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.utils.formats import date_format

from faceweb.people.models import User
from faceweb.sharing.models import ShareLink
from faceweb.sharing.services import Terms, days_from_now

DAYS = (1, 7, 30)
DEFAULT_DAYS = 7
NEVER = 0
KEEP = -1
MAX_VIEWS = 100_000
PASSWORD_LENGTH = 6
# Control characters, and those that turn the direction of what is read.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _in_words(days: int) -> str:
    return "Never" if days == NEVER else f"In {days} day{'' if days == 1 else 's'}"


class TermsForm(forms.Form):
    """What a link allows; how long and with which password is added by those below."""

    days = forms.TypedChoiceField(coerce=int, label="Ends")
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        min_length=PASSWORD_LENGTH,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"If you like: at least {PASSWORD_LENGTH} characters, which you tell people.",
    )
    max_views = forms.IntegerField(
        label="Most views",
        required=False,
        min_value=1,
        max_value=MAX_VIEWS,
        help_text="Empty for any number. One browser's visits within a day count once.",
    )
    allow_download = forms.BooleanField(label="Let people download it", required=False)
    show_original = forms.BooleanField(
        label="Show the photo it was made on beside it", required=False
    )
    show_name = forms.BooleanField(label="Show my name", required=False)
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=200,
        help_text="For you alone, so that you know the link again.",
    )

    def __init__(self, owner: User, *args: Any, has_original: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].choices = [  # type: ignore[attr-defined]
            (days, _in_words(days)) for days in DAYS
        ] + ([(NEVER, _in_words(NEVER))] if settings.SHARE_NEVER_EXPIRES else [])
        if not has_original:
            del self.fields["show_original"]
        if owner.name:
            self.fields["show_name"].label = f"Show my name, “{owner.name}”"
        else:
            del self.fields["show_name"]

    def clean_note(self) -> str:
        note: str = unicodedata.normalize("NFC", self.cleaned_data["note"])
        return "".join(c for c in note if unicodedata.category(c) not in _INVISIBLE)

    def terms(self) -> Terms:
        """What was asked for, once the form is valid."""
        data = self.cleaned_data
        return Terms(
            expires_at=days_from_now(data["days"]),
            allow_download=data["allow_download"],
            show_original=data.get("show_original", False),
            show_name=data.get("show_name", False),
            max_views=data["max_views"] or 0,
            note=data["note"],
        )


class NewLinkForm(TermsForm):
    """A new link. ``key`` becomes its id, so that a form sent twice makes one link."""

    key = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, owner: User, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"days": DEFAULT_DAYS, "key": uuid.uuid4()})
        kwargs.setdefault("auto_id", "id_share_%s")
        super().__init__(owner, *args, **kwargs)

    def clean_key(self) -> uuid.UUID:
        try:
            return uuid.UUID(self.cleaned_data["key"])
        except ValueError:
            return uuid.uuid4()


class ChangeLinkForm(TermsForm):
    """Another end, password or permission for a link that is there."""

    remove_password = forms.BooleanField(label="Ask for no password any more", required=False)
    field_order = ("days", "password", "remove_password", "max_views")

    def __init__(self, owner: User, link: ShareLink, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "days": KEEP,
            "max_views": link.max_views or None,
            "allow_download": link.allow_download,
            "show_original": link.show_original,
            "show_name": link.show_name,
            "note": link.note,
        }
        super().__init__(owner, *args, **kwargs)
        self.link = link
        days = self.fields["days"]
        end = date_format(link.expires_at, "j F Y, H:i") if link.expires_at else "never"
        days.choices = [(KEEP, f"As it is: {end}"), *days.choices]  # type: ignore[attr-defined]
        if link.password:
            self.fields["password"].label = "New password"
            self.fields["password"].help_text = "Empty keeps the one it has."
        else:
            del self.fields["remove_password"]

    def terms(self) -> Terms:
        asked = super().terms()
        if self.cleaned_data["days"] != KEEP:
            return asked
        return Terms(**{**vars(asked), "expires_at": self.link.expires_at})

    def new_password(self) -> str | None:
        """As `link_update` wants it: empty to ask for none, None to leave it."""
        if self.cleaned_data.get("remove_password"):
            return ""
        return self.cleaned_data["password"] or None


class PasswordForm(forms.Form):
    """The password of a link."""

    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
