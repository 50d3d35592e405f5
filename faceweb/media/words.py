"""What the codes of this slice say."""

from django.utils.translation import gettext_lazy as _

from faceweb.core.words import Words

_TAKEN = _(
    "JPEG, PNG, WebP, HEIC, AVIF and GIF are taken. Open it in an image program, export it as JPEG"
    " and try again."
)
_SMALLER = _("Save the photo at a smaller size and try again.")

WORDS = {
    "note_scaled": Words(
        _("It was sent with %(width)s × %(height)s pixels, and scaled down to what is kept here.")
    ),
    "note_first_frame": Words(_("It moves; its first frame is kept.")),
    "note_hdr": Words(_("It was taken for an HDR screen and is kept for ordinary ones.")),
    "consent_missing": Words(
        _("Please confirm first that everyone in the photo has agreed."),
        _("Tick the box beside the photo and send it again."),
    ),
    "file_missing": Words(_("No picture was sent."), _("Choose a picture and send it again.")),
    "empty": Words(_("This file is empty."), _("Choose another picture.")),
    "file_too_large": Words(
        _("This file is larger than %(limit_mb)s MB."),
        _("Choose a smaller photo, or save this one at a lower quality."),
        413,
    ),
    "account_frozen": Words(
        _("Your account is frozen, so nothing new can be uploaded, made or shared."),
        _("You can read why under “My standing” and ask for another look."),
        403,
    ),
    "disk_full": Words(
        _("This site has no room left right now."),
        _("Your photos are safe. Try again later; the people who run it have been told."),
        507,
    ),
    "quota_photos": Words(
        _("You already keep %(limit)s photos, the most an account may have."),
        _("Delete some in your gallery, then send this one again."),
        403,
    ),
    "quota_bytes": Words(
        _("Your photos already fill the %(limit_mb)s MB an account may have."),
        _("Delete some in your gallery, then send this one again."),
        403,
    ),
    "not_a_photo": Words(
        _("This is not a photo in a format that can be opened here."),
        _TAKEN,
        415,
    ),
    "other_format": Words(
        _("This is a %(format)s file, which cannot be opened here."), _TAKEN, 415
    ),
    "damaged": Words(
        _("This photo is damaged or incomplete and cannot be opened."),
        _("Copy it from where it came from once more, or choose another photo."),
        422,
    ),
    "too_many_pixels": Words(
        _(
            "This photo has %(megapixels)s megapixels; at most %(limit_megapixels)s can be"
            " opened here."
        ),
        _SMALLER,
        422,
    ),
    "side_too_long": Words(
        _("This photo is %(side_px)s pixels long; at most %(limit_px)s can be opened here."),
        _SMALLER,
        422,
    ),
    "too_large_to_open": Words(
        _(
            "This photo has %(megapixels)s megapixels, and in its format that needs more memory"
            " than there is for one photo."
        ),
        _("Save it as JPEG or at a smaller size and try again."),
        422,
    ),
    "too_much_memory": Words(_("This photo needs too much memory to open."), _SMALLER, 422),
    "too_slow": Words(_("This photo takes too long to open."), _SMALLER, 422),
    "busy": Words(
        _("Many photos are arriving right now and this one had to wait too long."),
        _("Try again in a minute."),
        429,
    ),
    "out_of_order": Words(
        _("Photos cannot be taken in right now."),
        _("Try again later; the fault is on this site, not in your photo."),
        503,
    ),
}
