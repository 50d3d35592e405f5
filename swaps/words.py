"""What the codes of swaps say: refusals, and notices of engines before and after the work."""

from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from faceweb.core.words import Words

_LARGER: Final = _("Use a photo that shows it larger.")
_LIT: Final = _("Use one in which a face looks towards the camera, well lit and not too small.")
_CLEARER: Final = _("A sharper photo will look better.")
_BARE: Final = _("A photo without glasses will look better.")

WORDS: Final = {
    # --- requests ---
    "no_target": Words(
        _("There is no photo to change yet."),
        _("Add one on the left, then say whose face it should get."),
    ),
    "nothing_mapped": Words(
        _("No face is chosen yet."),
        _("Say for at least one face in the photo whose face it should get."),
    ),
    "too_many_faces": Words(
        _("One run changes at most %(limit)s faces."),
        _("Change some now, then use the result as the next photo."),
    ),
    "face_mapped_twice": Words(_("One face in the photo is mapped twice.")),
    "source_twice": Words(_("One photo of the new face is given twice.")),
    "too_many_sources": Words(
        _("One face can be known from at most %(limit)s photos."),
        _("Take the largest and sharpest ones."),
    ),
    "engine_missing": Words(
        _("The engine that makes swaps here is not installed."),
        _("Tell whoever runs this site; your photos are safe."),
    ),
    # --- pairs ---
    "no_face_chosen": Words(_("No face was chosen."), _("Choose a face to replace.")),
    "no_face_in_source": Words(_("No face was found in the source photo."), _LIT),
    "no_face_in_target": Words(_("No face was found in the target photo."), _LIT),
    "pair_missing": Words(
        _("There is no pair %(pair)s. Faces in the target: %(target)s, in the source: %(source)s."),
        _("Faces count from 0, largest first."),
    ),
    "one_photo_only": Words(
        _("The new face is taken from one photo only here."),
        _("Choose the largest and sharpest one."),
    ),
    "face_too_small": Words(
        _("The face to be replaced is too small in this photo."),
        _("Choose a larger version of the photo, with the face at least %(wanted)s pixels wide."),
    ),
    "source_too_small": Words(
        _("The new face is too small in its photo."),
        _("Choose a photo in which it is at least %(wanted)s pixels wide."),
    ),
    "source_occluded": Words(
        _("Something covers too much of the new face."),
        _("Choose a photo in which nothing, such as a hand, a mask or an object, hides it."),
    ),
    "yaw_difference": Words(
        _("The two faces look in too different directions."),
        _(
            "Choose a photo in which the new face is turned about as far to the side as the face it"
            " replaces. Left or right does not matter."
        ),
    ),
    "yaw_differs": Words(
        _("The two faces look in rather different directions, so the result may look stretched."),
        _("A photo with the head turned more alike will look better."),
    ),
    "target_glasses": Words(
        _(
            "The face to be replaced wears glasses. Dark frames stay, thin or clear ones may be"
            " lost in part."
        ),
        _BARE,
    ),
    "source_glasses": Words(
        _("The new face wears glasses, and they come along without their arms."), _BARE
    ),
    "source_blurred": Words(_("The new face is blurred, so the result will be soft."), _CLEARER),
    "target_blurred": Words(
        _("The face to be replaced is blurred, and the new one may look too clear."), _CLEARER
    ),
    "source_small": Words(
        _("The new face is rather small in its photo, so the likeness may be weak."),
        _("A larger photo of the same person gives a better result."),
    ),
    "profile": Words(
        _("The face to replace is seen almost from the side."),
        _("Faces that look towards the camera come out better."),
    ),
    "no_outline": Words(
        _("The outline of this face is not known, so the square round it was used."),
        _("Choose single parts of the face instead."),
    ),
    "photos_left_out": Words(
        ngettext_lazy(
            "One photo was left out: no face there is surely the same person as the chosen one.",
            "%(count)s photos were left out: no face there is surely the same person as the chosen"
            " one.",
            "count",
        ),
        _("Photos that show the person large, sharp and from the front are easier to tell."),
    ),
    "model_missing": Words(
        _("This needs a network that is not installed here (%(feature)s)."),
        _("Switch the option off, or ask whoever runs this site to install it."),
    ),
    "boost_unknown": Words(
        _("This engine draws faces of these sizes in pixels: %(sides)s."),
        _("Choose one of them."),
    ),
    "strength_fixed": Words(
        _("This swapper copies a photo, so the strength cannot be set."),
        _("Use full strength, or another swapper."),
    ),
    # --- stages ---
    "stage_swap_prepare": Words(_("Lining up the faces")),
    "stage_swap_swap": Words(_("Putting the face in")),
    "stage_swap_measure": Words(_("Checking the likeness")),
    "source_unclear": Words(
        _("The new face is too blurred for its features to be made out."), _CLEARER
    ),
    "source_cut_off": Words(
        _("Too much of the new face lies outside its photo."),
        _("Choose a photo that shows the whole face."),
    ),
    "source_cut_partly": Words(
        _("The border of its photo cuts off a part of the new face; there the old face stays."),
        _("A photo that shows the whole face will look better."),
    ),
    "source_profile": Words(
        _("The new face is seen almost from the side."),
        _("Choose a photo in which it looks more towards the camera."),
    ),
    "source_turned": Words(
        _("The new face is turned far to the side, so its far half is a guess."),
        _("A photo in which it looks more towards the camera will look better."),
    ),
    "pitch_differs": Words(
        _("One face looks further up or down than the other."),
        _("Photos taken from the same height will look better."),
    ),
    "source_partly_covered": Words(
        _("Something covers a part of the new face; there the old face stays."),
        _("A photo in which nothing covers the face will look better."),
    ),
    "source_fringe": Words(
        _("Hair hides the forehead or the brows of the new face, so they are filled in."),
        _("A photo with the hair off the face will look better."),
    ),
    "pair_unfit": Words(
        _("Several things at once speak against this pair: turn, glasses, light or skin tone."),
        _("Choose a photo of the new face in even light, from the front and without glasses."),
    ),
    "target_partly_covered": Words(
        _("Something is in front of the face to be replaced. It stays where it is."), ""
    ),
    "source_darker": Words(
        _("The new face is much darker in its photo, so lines and marks of its skin may show."),
        _("A brighter photo of it will look better."),
    ),
    "mouths_differ": Words(
        _("One mouth is wide open and the other is not, so lips and teeth may look odd."),
        _("Photos with a similar expression will look better."),
    ),
    "source_hard_light": Words(
        _("Hard light from one side falls on the new face, and some of it comes along."),
        _("A photo taken in even light will look better."),
    ),
    "source_eyes_shut": Words(
        _("The eyes of the new face are shut, and they will be in the result."),
        _("Choose a photo with open eyes if you want them open."),
    ),
    "source_coarse": Words(
        _("The new face is much smaller in its photo than the face it replaces, so it stays soft."),
        _("A larger photo of the same person gives a better result."),
    ),
    "likeness_weak": Words(
        _("The result resembles the new face less than most do."),
        _("Photos that are alike in light, pose and expression give a better likeness."),
    ),
    "tone_off": Words(
        _("The skin did not quite take on the light of the photo."),
        _("Try another setting for skin and light."),
    ),
    "skin_uneven": Words(
        _("The skin came out more uneven than it was."),
        _("Try another setting for skin and light, or a photo in softer light."),
    ),
    "nothing_to_show": Words(
        _("Something covers the whole face, so there is nothing to replace."),
        _("Choose a photo that shows the face."),
    ),
}
