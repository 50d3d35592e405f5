"""What the codes of this slice say."""

from django.utils.translation import gettext_lazy as _

from faceweb.core.words import Words

WORDS = {
    "not_looked_at": Words(
        _("This picture could not be looked at."),
        _("Save it at a smaller size and try again."),
        422,
    ),
    "too_often": Words(
        _("Many pictures were sent from your address within an hour."),
        _("Wait a while, then try again."),
        429,
    ),
}
