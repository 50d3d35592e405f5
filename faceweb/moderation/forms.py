"""What people say in reports, takedown requests and appeals."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from faceweb.moderation.models import Report
from faceweb.moderation.reports import MAX_ADDRESSES, Claim

TEXT_LENGTH = 4000
APPEAL_LENGTH = 2000
ADDRESS_LENGTH = 500
EMAIL_LENGTH = 254
# Nobody has to give their name to say that a child is abused.
_NAMELESS = frozenset({Report.Category.MINOR})
# What is intimate speaks for itself; everything else needs a reason.
_WORDLESS = frozenset({Report.Category.MINOR, Report.Category.INTIMATE})


def _text(rows: int, **attributes: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, **attributes})


class ReportForm(forms.Form):
    """A report from a shared picture's page."""

    category = forms.ChoiceField(
        label="What is wrong with it?",
        choices=Report.Category.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what is wrong with it."},
    )
    text = forms.CharField(
        label="Tell us more (optional)",
        required=False,
        max_length=TEXT_LENGTH,
        widget=_text(4),
        help_text="For example who it shows, and how you know.",
    )
    email = forms.EmailField(
        label="Your e-mail address (optional)",
        required=False,
        max_length=EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="Only to tell you what was decided. Whoever shared the picture never sees it.",
    )

    def __init__(self, *args: Any, signed_in: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if signed_in:
            # The answer goes to the account.
            del self.fields["email"]


class TakedownForm(forms.Form):
    """A request to take pictures down, with what the TAKE IT DOWN Act and the DSA ask for."""

    category = forms.ChoiceField(
        label="What is it about?",
        choices=Report.Category.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what it is about."},
    )
    addresses = forms.CharField(
        label="Where is it?",
        widget=_text(3, spellcheck="false", autocapitalize="off"),
        max_length=MAX_ADDRESSES * ADDRESS_LENGTH,
        help_text=f"The address of each picture, one a line, at most {MAX_ADDRESSES}. "
        "Copy it from the top of your browser.",
        error_messages={"required": "Give the address of at least one picture."},
    )
    text = forms.CharField(
        label="Why should it go?",
        required=False,
        max_length=TEXT_LENGTH,
        widget=_text(4),
        help_text="Who it shows, what is wrong or illegal about it, and how you know. "
        "You may leave it empty where it is intimate or shows somebody under 18.",
    )
    relation = forms.ChoiceField(
        label="Who are you?",
        choices=Report.Relation.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Say who you are in this."},
    )
    name = forms.CharField(
        label="Your full name",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="Not needed where it shows somebody under 18.",
    )
    email = forms.EmailField(
        label="Your e-mail address",
        required=False,
        max_length=EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="Where we can reach you, and tell you what was decided. Not needed where it "
        "shows somebody under 18.",
    )
    good_faith = forms.BooleanField(
        label="I say in good faith that all this is accurate and complete and, where it is about "
        "a picture of somebody, that they have not agreed to its being here.",
        error_messages={"required": "We can only act on what you say in good faith."},
    )
    signature = forms.CharField(
        label="Your signature",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Type your full name: it counts as your signature.",
    )

    def clean_addresses(self) -> list[str]:
        lines = self.cleaned_data["addresses"].split()
        if len(lines) > MAX_ADDRESSES:
            raise ValidationError(f"At most {MAX_ADDRESSES} at once: send the others after these.")
        if any(len(line) > ADDRESS_LENGTH for line in lines):
            raise ValidationError("One of these is too long to be an address from here.")
        return lines

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        category = fields.get("category")
        if category is None:
            return fields
        if category not in _NAMELESS:
            self._need("name", "Give your full name.")
            self._need("email", "Give an address where we can reach you.")
            self._need("signature", "Type your full name as your signature.")
        if category not in _WORDLESS:
            self._need("text", "Say why it should go, so that we can judge it.")
        return fields

    def claim(self) -> Claim:
        """What a valid form says."""
        return Claim(**self.cleaned_data)

    def _need(self, name: str, sentence: str) -> None:
        if name not in self.errors and not self.cleaned_data.get(name):
            self.add_error(name, sentence)


class AppealForm(forms.Form):
    """Why a decision is wrong, in the person's words."""

    text = forms.CharField(
        label="Why is the decision wrong?",
        max_length=APPEAL_LENGTH,
        widget=_text(6),
        help_text="Somebody who did not make it reads this and looks again. You can ask once.",
        error_messages={"required": "Say why, so that somebody can judge it."},
    )
