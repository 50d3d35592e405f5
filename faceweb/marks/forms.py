"""The form of `/verify`."""

from django import forms


class VerifyForm(forms.Form):
    """One picture; what is wrong with it is found out by the sandbox."""

    file = forms.FileField(allow_empty_file=True)
