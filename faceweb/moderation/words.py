"""What the codes of this slice say."""

from django.utils.translation import gettext_lazy as _

from faceweb.core.words import Words

_READ_AGAIN = _("Read it again before you decide.")
_SOMEBODY_ELSE = _("Somebody else has to decide it.")

# --- decisions about cases ---
CASES = {
    "case_changed": Words(
        _("Something was added to this case since you opened it."), _READ_AGAIN, 409
    ),
    "case_decided": Words(_("Somebody else has decided this case already."), _READ_AGAIN, 409),
    "note_missing": Words(_("Nothing was changed."), _("Say why.")),
    "not_permitted": Words(
        _("Your role does not allow this."), _("Ask a lead or an administrator."), 403
    ),
    "own_picture": Words(_("This is about you or a picture of yours."), _SOMEBODY_ELSE, 403),
    "own_decision": Words(_("This appeal is against a decision of yours."), _SOMEBODY_ELSE, 403),
    "assigned": Words(_("Somebody else is working on this case."), _("Take the next one."), 403),
    "action_unfit": Words(_("This case cannot be decided like that."), _("Choose what it offers.")),
    "reason_unfit": Words(
        _("This reason does not fit the decision."), _("Choose one that it offers.")
    ),
    "text_too_long": Words(_("The text is longer than %(limit)s letters."), _("Shorten it.")),
    "picture_unreadable": Words(
        _("The stored picture cannot be read, so it cannot be known again."),
        _("Delete it without blocking."),
    ),
    "not_undoable": Words(
        _("This decision cannot be taken back."),
        _("What was deleted is gone; a strike that came with it can be lifted."),
    ),
    "undone_before": Words(_("This decision was taken back before.")),
    "not_the_last": Words(
        _("There is a newer decision about this case."), _("Undo that one first.")
    ),
}

# --- appeals ---
APPEALS = {
    "nothing_to_appeal": Words(_("There is nothing of yours to appeal against.")),
    "appealed_before": Words(
        _("You have appealed against this already, and one can do so once."),
        _("You find the answer, or where it stands, under “My standing”."),
    ),
    "lifted": Words(_("This strike was lifted already."), _("Nothing is left of it.")),
    "not_refused": Words(
        _("This picture is not refused."),
        _("If it is still being looked at, you will be told what comes of it."),
    ),
}

# --- what the owner of a picture is told about its screening: words that do not accuse ---
_MACHINES_ERR = _(
    "This was decided by a machine, and machines err: you can ask a person to look at it."
)
_WAIT = _("You need do nothing: this page shows what was decided.")
_NOTHING_KEPT = _("Nothing of the result was kept, and your photos are as they were. Try others.")
_NUDITY = _("It seems to show nudity or something sexual, which is not allowed here.")
_KNOWN = _("It looks like a picture that was taken down here before.")
_PROTECTED = _("Somebody in it seems to be a person who asked that their face not be used.")

SCREENING = {
    "known_bad": Words(
        _("This picture cannot be used here: it was taken down before."),
        _("Choose another photo. If you think that is a mistake, write to whoever runs this site."),
        403,
    ),
    "protected_face": Words(
        _("One of the photos seems to show somebody who asked that their face not be used."),
        _("Its page says what you can do about it."),
    ),
    "review_nudity": Words(
        _("It may show nudity or something sexual, and a machine cannot tell."), _WAIT
    ),
    "review_minor": Words(
        _("Everybody in it must be at least 18, and a machine cannot tell."), _WAIT
    ),
    "review_known_bad": Words(_("It resembles a picture that was taken down here before."), _WAIT),
    "review_protected_face": Words(
        _("It may show somebody who asked that their face not be used."), _WAIT
    ),
    "review_unscreened": Words(_("It could not be checked by machine."), _WAIT),
    "review_moderator": Words(_("A moderator wants to look at it first."), _WAIT),
    "blocked_nudity": Words(_NUDITY, _MACHINES_ERR),
    "blocked_minor": Words(_NUDITY, _MACHINES_ERR),
    "blocked_known_bad": Words(_KNOWN, _MACHINES_ERR),
    "blocked_protected_face": Words(_PROTECTED, _MACHINES_ERR),
    "blocked_moderator": Words(
        _("A moderator decided that it may not be used here."),
        _("You can ask for it to be looked at once more."),
    ),
    "result_nudity": Words(_NUDITY, _NOTHING_KEPT),
    "result_minor": Words(_NUDITY, _NOTHING_KEPT),
    "result_known_bad": Words(_KNOWN, _NOTHING_KEPT),
    "result_protected_face": Words(_PROTECTED, _NOTHING_KEPT),
}

# --- requests for the protection of a face ---
PROTECTION = {
    "request_decided": Words(
        _("Somebody else has decided this request."), _("Open the next case."), 409
    ),
    "request_ended": Words(_("This request has ended already."), _("Open the next case.")),
    "selfie_not_studied": Words(
        _("The selfie is still being looked at by a worker."), _("Try again in a minute."), 409
    ),
    "selfie_without_face": Words(
        _("No face was found in the selfie."),
        _("Refuse the request and ask for a sharper picture, looking at the camera."),
    ),
    "selfie_with_several": Words(
        _("The selfie shows several faces, and nobody could say whose is meant."),
        _("Refuse the request and ask for a picture of the person alone."),
    ),
    "selfie_too_small": Words(
        _("The face in the selfie is too small to be recognised again."),
        _("Refuse the request and ask for a picture taken from nearer."),
    ),
}

WORDS = {**CASES, **APPEALS, **SCREENING, **PROTECTION}
