"""What the codes of this slice say."""

from django.utils.translation import gettext_lazy as _

from faceweb.core.words import Words

_A_SECOND = _("It takes a second or two; try again then.")

WORDS = {
    # --- why nothing can be made ---
    "photo_missing": Words(
        _("One of the photos is not there any more."),
        _("Choose another photo, or upload it again."),
    ),
    "screening_pending": Words(_("One of the photos is still being checked."), _A_SECOND),
    "photo_blocked": Words(
        _("One of the photos is not allowed here."),
        _("Its page says why, and what you can do about it."),
    ),
    "photo_in_review": Words(
        _("A person has to look at one of the photos before it can be used."),
        _("Use another photo, or wait: its page says when it is decided."),
    ),
    "analysis_pending": Words(_("We are still looking for faces in one of the photos."), _A_SECOND),
    "no_face": Words(
        _("No face was found in one of the photos."),
        _("Choose a photo in which a face looks towards the camera, well lit and not too small."),
    ),
    "no_landmarks": Words(
        _("The features of one of the faces could not be made out."),
        _("Choose a photo in which the whole face can be seen clearly."),
    ),
    "face_missing": Words(
        _("One of the chosen faces is not in its photo."),
        _("Choose the faces again."),
    ),
    "malformed": Words(_("This request cannot be read.")),
    "too_many_jobs": Words(
        _("You already have %(limit)s jobs waiting, which is as many as one may have."),
        _("Wait until one of them is done, or cancel one, and try again."),
        429,
    ),
    # --- how a job ended ---
    "time_limit": Words(
        _("This took longer than a job may take."),
        _("Try a smaller photo, or fewer faces at once."),
    ),
    "too_many_attempts": Words(
        _("The work stopped unexpectedly %(attempts)s times, so we gave up."),
        _("Try once more, or try with another photo."),
    ),
    "not_screened": Words(
        _("The picture could not be checked, so it was not kept."),
        _("Your photos are safe. Try again, or tell whoever runs this site."),
    ),
    "not_marked": Words(
        _("The picture could not be marked as edited, so it was not kept."),
        _("Your photos are safe. Try again later, or tell whoever runs this site."),
    ),
    "out_of_memory": Words(
        _("These photos need more memory than there is."),
        _("Try again with a smaller photo, less detail or fewer faces at once."),
    ),
    # --- stages ---
    "stage_saving": Words(_("Saving the result")),
    "stage_opening": Words(_("Opening the photos")),
}
