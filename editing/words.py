"""What the codes of edits and of their engines say."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from faceweb.core.words import Words

WORDS = {
    # --- requests ---
    "no_photo_chosen": Words(_("No photo is chosen."), _("Choose one from your gallery.")),
    "nothing_asked": Words(_("Nothing is to change yet."), _("Move one of the sliders first.")),
    "edit_not_offered": Words(
        _("There is no edit called %(slider)s here."),
        _("Choose one of the sliders on the page."),
    ),
    "no_age_estimate": Words(
        _("The age of this face cannot be estimated here."),
        _("Ask for younger or older instead of a number of years."),
    ),
    "preview_busy": Words(
        _("The preview has to wait: other work comes first."),
        _("You can make the picture all the same."),
        503,
    ),
    "likeness_spent": Words(
        _(
            "This face has been changed as far as it may be, and the photo it began with is not "
            "there to compare with."
        ),
        _("Start again from the photo as it was before any edit."),
    ),
    "slider_spent": Words(
        _("This face has been taken to the end of this slider already."),
        _("Move it the other way, or start again from the photo as it was."),
    ),
    "several_faces": Words(
        _("The photo has %(faces)s faces."),
        _("Say by --face N which one is meant. Faces count from 0, largest first."),
    ),
    "no_such_face": Words(
        ngettext_lazy(
            "There is no face %(number)s: the photo has %(count)s face.",
            "There is no face %(number)s: the photo has %(count)s faces.",
            "count",
        ),
        _("Faces count from 0, largest first."),
    ),
    # --- what the identity check found ---
    "no_verifier": Words(
        _(
            "Nothing is installed here that can tell whether an edit still looks like the same "
            "person."
        ),
        _("Ask the operator to install a face recogniser; without one no edit is given out."),
    ),
    "face_too_small_to_judge": Words(
        _("This face is too small to tell whether an edit still looks like the same person."),
        _("Use a photo in which the face is larger."),
    ),
    "face_blurred": Words(
        _("This face is too blurred to tell whether an edit still looks like the same person."),
        _("Use a sharper photo."),
    ),
    "face_lost": Words(
        _("After the edit no face could be found to compare."),
        _("Try a smaller edit, or a photo that shows the face from the front."),
    ),
    "identity_lost": Words(
        _("No version of this edit kept your identity."),
        _("Try a smaller edit or another photo."),
    ),
    "nothing_visible": Words(
        _("Nothing that one could see can be changed here."),
        _("Ask for more, or use a photo in which there is more to change."),
    ),
    "reduced": Words(
        _("%(sliders)s: more would no longer be you."),
        _("This is the strongest version that still looks like the same person."),
    ),
    "slider_given": Words(_("%(slider)s %(asked)s asked, %(given)s given")),
    "no_features": Words(
        _("The features of this face could not be made out."),
        _("Choose a photo in which the whole face can be seen clearly."),
    ),
    "mouth_open": Words(_("The mouth is open, so an earnest face can only narrow it.")),
    "face_turned_away": Words(
        _("The face is seen from the side, so only half of a smile will show."),
    ),
    # --- stages ---
    "stage_edit_prepare": Words(_("Studying the face")),
    "stage_edit_edit": Words(_("Changing the face")),
    "stage_edit_check": Words(_("Checking that it is still you")),
}
