"""What the studio page shows: two wells, and who gets whose face."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.urls import reverse

from faceweb.core.options import Field, joined, option_fields
from faceweb.media.analysis_queue import assets_renew
from faceweb.media.models import Asset
from faceweb.people.models import User
from models.refusals import Refusal
from swaps.choice import engine_choice
from swaps.forms import Slot, SourceFace, StudioState
from swaps.recipe import MAX_SOURCES
from swaps.services import FaceNotice, swap_check, takes_several

_HELD_BACK: Final[dict[str, str]] = {
    Asset.Screening.BLOCKED: "This photo is not allowed here; its page in the gallery says why. "
    "Try another one.",
    Asset.Screening.REVIEW: "A person has to look at this photo before it can be used. "
    "Try another one, or come back later.",
}
_WITHHELD: Final = "This photo cannot be used while a report about it is open. Try another one."
NO_FACE_WAY_ON: Final = "Try one where the face is larger, sharper and turned to the camera."


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face drawn over its photo; ``x, y, width, height`` in pixels of the original."""

    index: int
    x: float
    y: float
    width: float
    height: float
    label: str
    href: str
    value: str
    crop_url: str
    weight: float

    @property
    def radius(self) -> float:
        """Corner radius of the box as it is drawn."""
        return round(0.08 * min(self.width, self.height), 1)


@dataclass(frozen=True, slots=True)
class WellPhoto:
    """One photo in a well, with the faces found in it and a link that takes it out."""

    slot: Slot
    photo: Asset
    faces: tuple[FaceBox, ...]
    remove_url: str

    @property
    def is_pending(self) -> bool:
        """Whether its faces or the verdict on it are still to come."""
        return self.photo.is_waiting

    @property
    def problem(self) -> str:
        """Why it cannot be used, as a sentence with a way on; empty when it can."""
        if self.is_pending or self.faces:
            return ""
        if not self.photo.is_usable:
            return _HELD_BACK.get(self.photo.screening, _WITHHELD)
        if self.photo.analysis == Asset.Analysis.FAILED:
            return "This photo could not be searched for faces. Try another one."
        return f"No face found in this photo. {NO_FACE_WAY_ON}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A source face that a target face may get."""

    value: str
    crop_url: str
    label: str
    is_chosen: bool
    is_best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A target face and what it may get."""

    face: FaceBox
    choices: tuple[Choice, ...]

    @property
    def is_kept(self) -> bool:
        """Whether this face stays as it is."""
        return not any(choice.is_chosen for choice in self.choices)


@dataclass(frozen=True, slots=True)
class StartCheck:
    """Whether the work can start as things stand, and what to know before."""

    notices: tuple[FaceNotice, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything the page needs.

    ``state`` is what the person has set, and what links carry on; ``plan`` is the same with a
    default for every target face that nobody has decided on.
    """

    state: StudioState
    plan: StudioState
    target: WellPhoto | None
    sources: tuple[WellPhoto, ...]
    rows: tuple[Row, ...]
    missing: bool
    fields: tuple[Field, ...] = ()
    absent: str = ""
    can_be_together: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether faces are still being looked for in any of the photos."""
        photos = [self.target, *self.sources] if self.target else [*self.sources]
        return any(photo.is_pending for photo in photos if photo)

    @property
    def has_source_face(self) -> bool:
        return any(source.faces for source in self.sources)

    @property
    def can_plan(self) -> bool:
        """Whether there is a face to change and a face to put there."""
        return bool(self.rows) and self.has_source_face

    @property
    def can_add_source(self) -> bool:
        """Whether one more source photo may be put in."""
        return len(self.sources) < MAX_SOURCES

    @property
    def next_step(self) -> str:
        """What is wanted before faces can be chosen; empty while something is being done."""
        if self.is_pending:
            return "Faces are being looked for. It takes a second or two."
        if not self.target and not self.sources:
            return "Add both photos, and choose here whose face goes where."
        if not self.target:
            return "Now add the photo to change."
        if not self.sources:
            return "Now add the face to use."
        return ""


def studio_open(*, owner: User, state: StudioState) -> Studio:
    """The page for ``state``. Photos that are not (or no longer) the owner's are left out."""
    asked = {*state.sources, *([state.target] if state.target else [])}
    photos = {photo.pk: photo for photo in Asset.objects.for_user(owner).filter(pk__in=asked)}
    assets_renew(photos.values())
    offer = engine_choice().offer
    state = replace(
        state,
        target=state.target if state.target in photos else None,
        sources=tuple(source for source in state.sources if source in photos),
        together=state.together and takes_several(),
    )
    target, sources = _wells(photos, state)
    target_faces = target.faces if target else ()
    decided = replace(state, chosen=_decided(target_faces, sources, state))
    if decided != state:
        state = decided
        target, sources = _wells(photos, state)
    plan = replace(state, chosen=_choose(target_faces, sources, state))
    return Studio(
        state=state,
        plan=plan,
        target=target,
        sources=sources,
        rows=tuple(_row(face, sources, plan) for face in target_faces),
        missing=len(photos) < len(asked),
        fields=tuple(option_fields(offer.options, state.options)),
        absent=joined(offer.absent),
        can_be_together=takes_several() and len(sources) > 1,
    )


def _wells(
    photos: Mapping[UUID, Asset], state: StudioState
) -> tuple[WellPhoto | None, tuple[WellPhoto, ...]]:
    target = well_photo("target", photos[state.target], state) if state.target else None
    return target, tuple(well_photo("source", photos[photo], state) for photo in state.sources)


def studio_verdict(*, owner: User, state: StudioState) -> StartCheck:
    """What would be said if the work were started now; nothing is started."""
    try:
        return StartCheck(notices=tuple(swap_check(owner=owner, recipe=state.recipe())))
    except Refusal as refusal:
        return StartCheck(refusal=refusal)


def well_photo(slot: Slot, photo: Asset, state: StudioState) -> WellPhoto:
    """``photo`` as it lies in ``slot``."""
    return WellPhoto(
        slot=slot,
        photo=photo,
        faces=tuple(_face_boxes(slot, photo)) if photo.is_usable else (),
        remove_url=state.without_photo(slot, photo.pk).url(),
    )


def _face_boxes(slot: Slot, photo: Asset) -> Iterable[FaceBox]:
    from models.faces.best_source import source_weight

    if not photo.is_ready:
        return
    count = len(photo.faces)
    for index, face in enumerate(photo.found_faces()):
        x1, y1, x2, y2 = (round(float(edge), 2) for edge in face.box)
        yield FaceBox(
            index=index,
            x=x1,
            y=y1,
            width=round(x2 - x1, 2),
            height=round(y2 - y1, 2),
            label="The face" if count == 1 else f"Face {index + 1} of {count}",
            href=f"#face-{index}" if slot == "target" else "#plan",
            value=str(SourceFace(photo.pk, index)),
            crop_url=reverse("photo_face", args=[photo.pk, index]),
            weight=source_weight(face),
        )


def _decided(
    target_faces: Sequence[FaceBox], sources: Sequence[WellPhoto], state: StudioState
) -> dict[int, SourceFace | None]:
    """What a person decided, to be carried on.

    Every form sends something for every face. That is no decision where it is the default
    throughout, nor is "keep as it is" where there was no other face to choose.
    """
    if not any(source.faces for source in sources):
        return {face: source for face, source in state.chosen.items() if source is not None}
    untouched = _choose(target_faces, sources, replace(state, chosen={}))
    if target_faces and _choose(target_faces, sources, state) == untouched:
        return {}
    return state.chosen


def _choose(
    target_faces: Sequence[FaceBox], sources: Sequence[WellPhoto], state: StudioState
) -> dict[int, SourceFace | None]:
    """A choice for each target face: the person's where it still holds, else the default.

    Until a source face is chosen, the best face of each source photo goes to the target's faces
    in turn, largest first: with one source photo only the largest face changes. Where there are
    more photos than faces, or they all show one person, the best of them are taken.
    """
    offered = {face.value for source in sources for face in source.faces}
    held = {
        face: source
        for face, source in state.chosen.items()
        if source is None or str(source) in offered
    }
    wanted = 1 if state.together else len(target_faces)
    defaults = [] if any(held.values()) else _best_faces(sources, wanted)
    return {
        face.index: held.get(face.index, defaults[place] if place < len(defaults) else None)
        for place, face in enumerate(target_faces)
    }


def _best_faces(sources: Sequence[WellPhoto], most: int) -> list[SourceFace]:
    """The best face of each of the ``most`` best source photos, in the photos' order."""
    best = [(source, _best(source.faces)) for source in sources if source.faces]
    kept = sorted(best, key=lambda pair: pair[1].weight, reverse=True)[:most]
    return [
        SourceFace(source.photo.pk, face.index) for source, face in best if (source, face) in kept
    ]


def _best(faces: Iterable[FaceBox]) -> FaceBox:
    """Large, sharp and frontal; of equals the largest."""
    return max(faces, key=lambda face: face.weight)


def _row(face: FaceBox, sources: Sequence[WellPhoto], plan: StudioState) -> Row:
    chosen = plan.chosen.get(face.index)
    offered = [face for source in sources for face in source.faces]
    several = len(offered) > 1
    best = _best(offered).value if several else ""
    choices: list[Choice] = []
    for source in sources:
        for source_face in source.faces:
            number = len(choices) + 1
            is_best = source_face.value == best
            choices.append(
                Choice(
                    value=source_face.value,
                    crop_url=source_face.crop_url,
                    label=(f"Use face {number}" if several else "Use this face")
                    + (", the clearest" if is_best else ""),
                    is_chosen=source_face.value == str(chosen),
                    is_best=is_best,
                )
            )
    return Row(face=face, choices=tuple(choices))


def asset_in_state(state: StudioState, slot: Slot) -> tuple[UUID, ...]:
    """The photos that lie in ``slot``."""
    if slot == "target":
        return (state.target,) if state.target else ()
    return state.sources
