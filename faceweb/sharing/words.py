"""What the codes of this slice say."""

from django.utils.translation import gettext_lazy as _

from faceweb.core.words import Words

WORDS = {
    "not_a_result": Words(_("Only results are shared, never the photos themselves.")),
    "sharing_off": Words(
        _("Sharing is switched off for you until %(until)s."),
        _("Links you made before do not work until then."),
    ),
    "withheld": Words(
        _("Somebody reported this picture, and a moderator is looking at it."),
        _("Until that is decided it cannot be shared, and links to it do not work."),
    ),
    "being_checked": Words(
        _("This picture is still being checked."),
        _("It can be shared as soon as that is done, usually within a minute."),
    ),
    "waiting_for_a_person": Words(
        _("The check was not sure about this picture, so a person looks at it."),
        _("It can be shared once they say that it is fine."),
    ),
    "not_shareable": Words(_("This picture is not allowed to be shared.")),
    "too_many_links": Words(
        _("You have %(limit)s working links, the most one may have."),
        _("Revoke some that nobody needs any more, then make this one."),
    ),
    "made_already": Words(
        _("This link was made already, and its address was shown then."),
        _("If you did not keep it, make a new address for it."),
    ),
}
