"""Forms of the profile pages."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from faceweb.people.models import User


class ProfileForm(forms.ModelForm[User]):
    """What a person may change about themselves here; e-mail and password have their own pages."""

    class Meta:
        model = User
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
        help_texts = {"name": "Shown to you alone, unless you put it on a link that you share."}


class DeleteAccountForm(forms.Form):
    """The password again, so that an unlocked screen is not enough to erase everything."""

    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), strip=False
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError("That is not your password. Nothing was deleted.")
        return password
