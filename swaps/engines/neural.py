"""The neural engine: a swapper network draws the face, the rest keeps the photo whole.

Its networks are fetched by the operator. What can be set follows from those that are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from models.engines import Machine, Need, Notice
from models.networks.boost import SIDES, boost_sides
from models.networks.finding import PACK
from models.options import (
    ChoiceOption,
    IntOption,
    Item,
    Option,
    OptionSchema,
    SetOption,
    When,
    gettext_noop,
)
from models.store.cards import ManifestError
from models.store.variants import Precision, variant_name
from models.store.weights import Unavailable, Weight, WeightStore
from swaps.engines.base import SwapEngine, SwapEngineSpec, SwapOffer

if TYPE_CHECKING:
    from models.faces.face import Face
    from models.store.cards import Contract

DETECTOR_FILE: Final = "det_10g.onnx"
RECOGNISER_FILE: Final = "w600k_r50.onnx"
LANDMARKS_FILE: Final = "2d106det.onnx"

MIN_TARGET_PX: Final = 20.0
MIN_SOURCE_PX: Final = 40.0
SMALL_SOURCE_PX: Final = 90.0
PROFILE_YAW: Final = 38.0

PARTS: Final[dict[str, frozenset[str]]] = {
    "skin": frozenset({"skin"}),
    "brows": frozenset({"left_brow", "right_brow"}),
    "eyes": frozenset({"left_eye", "right_eye"}),
    "glasses": frozenset({"glasses"}),
    "nose": frozenset({"nose"}),
    "mouth": frozenset({"mouth"}),
    "lips": frozenset({"upper_lip", "lower_lip"}),
}
"""What a person calls a part of the face, and the parser's regions that it is made of."""

_PART_LABELS: Final = {
    "skin": gettext_noop("Skin"),
    "brows": gettext_noop("Brows"),
    "eyes": gettext_noop("Eyes"),
    "glasses": gettext_noop("Glasses"),
    "nose": gettext_noop("Nose"),
    "mouth": gettext_noop("Mouth"),
    "lips": gettext_noop("Lips"),
}
_MASKS: Final = (
    Item(
        "occlusion",
        gettext_noop("Keep what is in front of the face"),
        gettext_noop("Hair, hands, glasses and microphones stay as they are."),
    ),
    Item(
        "hull",
        gettext_noop("Follow the outline of the face"),
        gettext_noop("Nothing beyond jaw and forehead changes."),
    ),
    Item(
        "regions",
        gettext_noop("Change only some parts of the face"),
        gettext_noop("Those that are ticked below."),
    ),
)


@dataclass(frozen=True)
class NeuralChoice:
    """Which cards the engine is made of.

    Attributes:
        swapper: card of the swapper.
        precision: ``fp32`` for the file as published, or a variant that
            :func:`models.store.quantize.quantize_swapper` made on this machine.
        parser, occluder, enhancer: cards of the networks that may be missing.
        likeness, geometry: what two faces must reach to count as one person's; see
            :class:`models.faces.same_person.PersonThresholds`.
    """

    swapper: str = "inswapper_128"
    precision: Precision | Literal["fp32"] = "fp32"
    parser: str = "parser_resnet34"
    occluder: str = "occluder_xseg"
    enhancer: str = "gfpgan_1.4"
    likeness: float = 0.45
    geometry: float = 0.60

    @classmethod
    def from_settings(cls, settings: Any) -> NeuralChoice:
        """What the operator has set: ``SWAPPER``, ``SWAPPER_PRECISION``, ``SAME_PERSON_LIKENESS``
        and ``SAME_PERSON_GEOMETRY``, the last two in per cent."""
        plain = cls()
        return cls(
            swapper=settings.get("SWAPPER", plain.swapper),
            precision=settings.get("SWAPPER_PRECISION", plain.precision),
            likeness=settings.get("SAME_PERSON_LIKENESS", 45) / 100,
            geometry=settings.get("SAME_PERSON_GEOMETRY", 60) / 100,
        )


@dataclass(frozen=True)
class Required:
    """The files without which there is no engine."""

    detector: Weight
    recogniser: Weight
    swapper: Weight
    converter: Weight | None


class NeuralSpec(SwapEngineSpec):
    """See :class:`swaps.engines.base.SwapEngineSpec`."""

    name = "neural"
    label = gettext_noop("Neural engine")
    analyser = "insightface"
    chosen_by = ("neural",)

    def offer(self, machine: Machine) -> SwapOffer:
        """What the networks that are here can do, or which one is missing."""
        choice = NeuralChoice.from_settings(machine.settings)
        return find_offer(machine.store, choice)

    def vocabulary(self) -> OptionSchema:
        """As if every network were there."""
        masks = [item.value for item in _MASKS]
        return option_schema(SIDES, is_steerable=True, masks=masks, has_enhancer=True)

    def check(self, target: Face, source: Face) -> list[Notice]:
        """Refuses faces that are too small; says what will show."""
        return check_pair(target, source)

    def load(self, machine: Machine) -> SwapEngine:
        """The engine, with detector, recogniser and swapper open.

        Raises:
            RuntimeError: a network is missing that it cannot do without.
        """
        from swaps.engines.neural_loader import load_engine

        choice = NeuralChoice.from_settings(machine.settings)
        engine = load_engine(machine.store, machine.sessions(), choice)
        if isinstance(engine, Unavailable):
            raise RuntimeError(engine.reason)
        return engine


ENGINE: Final = NeuralSpec()


def find_offer(store: WeightStore, choice: NeuralChoice | None = None) -> SwapOffer:
    """What the engine made of `choice` offers, or why it cannot be made; loads nothing."""
    choice = choice or NeuralChoice()
    try:
        found = find_required(store, choice)
    except KeyError:
        return SwapOffer(missing=f"There is no card called {choice.swapper}.")
    except (ManifestError, ValueError) as error:
        return SwapOffer(missing=str(error), is_meant=_is_meant(store, choice))
    if isinstance(found, Unavailable):
        need = Need(found.key, gettext_noop("the swap itself"), True, found.reason)
        return SwapOffer(
            missing=f"{found.reason} {found.remedy}",
            needs=(need,),
            is_meant=_is_meant(store, choice),
        )
    contract = swapper_contract(found.swapper)
    needs = _optional_needs(store, choice)
    there = {need.feature for need in needs if not need.missing}
    takes_embedding = contract.source is not None and contract.source.kind != "face_crop"
    masks = {
        "occlusion": _OCCLUSION in there,
        "hull": _OUTLINE in there,
        "regions": _SINGLE_PARTS in there,
    }
    return SwapOffer(
        options=option_schema(
            boost_sides(contract.size),
            is_steerable=takes_embedding,
            masks=[name for name, is_there in masks.items() if is_there],
            has_enhancer=_ENHANCER in there,
        ),
        needs=needs,
        is_meant=True,
        takes_several=takes_embedding,
    )


_OUTLINE: Final = gettext_noop("the outline of the face")
_SINGLE_PARTS: Final = gettext_noop("single parts of the face")
_OCCLUSION: Final = gettext_noop("keeping what is in front of the face")
_ENHANCER: Final = gettext_noop("the enhancer")


def option_schema(
    boosts: tuple[int, ...], *, is_steerable: bool, masks: list[str], has_enhancer: bool
) -> OptionSchema:
    """What can be set, by what there is.

    Args:
        boosts: sides in pixels of the drawn crop, the native one first.
        is_steerable: whether the strength means anything to the swapper.
        masks: of ``occlusion``, ``hull`` and ``regions`` those that can be made.
        has_enhancer: whether detail can be restored.
    """
    options: list[Option] = []
    if is_steerable:
        options.append(
            IntOption(
                key="strength",
                label=gettext_noop("Strength"),
                low=10,
                high=100,
                step=5,
                default=100,
                unit="%",
                less=gettext_noop("Closer to who was there"),
                more=gettext_noop("All the new face"),
            )
        )
    if has_enhancer:
        options.append(
            IntOption(
                key="enhance",
                label=gettext_noop("Enhancer"),
                low=0,
                high=100,
                step=5,
                default=0,
                unit="%",
                less=gettext_noop("As it is drawn"),
                more=gettext_noop("Sharp and smooth"),
            )
        )
    if len(boosts) > 1:
        options.append(
            ChoiceOption(
                key="detail",
                label=gettext_noop("Detail of the new face"),
                help=gettext_noop("More shows in large faces only, and takes longer."),
                items=tuple(Item(str(side), f"{side} px") for side in boosts),
                default=str(boosts[0]),
                in_row=True,
            )
        )
    offered = tuple(item for item in _MASKS if item.value in masks)
    if offered:
        options.append(
            SetOption(
                key="mask",
                label=gettext_noop("Where the new face shows"),
                items=offered,
                default=("occlusion",) if "occlusion" in masks else (),
            )
        )
    if "regions" in masks:
        options.append(
            SetOption(
                key="part",
                label=gettext_noop("Parts that change"),
                items=tuple(Item(part, label) for part, label in _PART_LABELS.items()),
                default=tuple(part for part in PARTS if part != "glasses"),
                least=1,
                in_row=True,
                when=When("mask", ("regions",)),
            )
        )
    return OptionSchema(tuple(options))


def check_pair(target: Face, source: Face) -> list[Notice]:
    """Judges a pair of faces by their stored data alone.

    Refused with ``face_too_small`` or ``source_too_small``.
    """
    if target.quality.width_px < MIN_TARGET_PX:
        return [Notice("face_too_small", {"wanted": round(MIN_TARGET_PX)}, "refused")]
    if source.quality.width_px < MIN_SOURCE_PX:
        return [Notice("source_too_small", {"wanted": round(MIN_SOURCE_PX)}, "refused")]
    notices = []
    if source.quality.width_px < SMALL_SOURCE_PX:
        notices.append(Notice("source_small"))
    if abs(target.pose.yaw) > PROFILE_YAW:
        notices.append(Notice("profile"))
    return notices


def find_required(store: WeightStore, choice: NeuralChoice) -> Required | Unavailable:
    """The files of `choice` that have to be there, or the first that cannot be used.

    Raises:
        KeyError: there is no such card.
        ValueError: the swapper's card is that of something else.
    """
    detector = store.resolve_model(PACK, DETECTOR_FILE)
    if isinstance(detector, Unavailable):
        return detector
    recogniser = store.resolve_model(PACK, RECOGNISER_FILE)
    if isinstance(recogniser, Unavailable):
        return recogniser
    swapper = store.resolve_model(choice.swapper)
    if choice.precision != "fp32" and isinstance(swapper, Weight):
        swapper = store.resolve_made(swapper, variant_name(swapper.name, choice.precision))
    if isinstance(swapper, Unavailable):
        return swapper
    source = swapper_contract(swapper).source
    key = source.converter if source is not None else ""
    converter = store.resolve_model(key) if key else None
    if isinstance(converter, Unavailable):
        return converter
    return Required(detector, recogniser, swapper, converter)


def swapper_contract(weight: Weight) -> Contract:
    """What the swapper in `weight` takes.

    Raises:
        ValueError: its card is that of something else.
    """
    contract = weight.contract
    if contract is None or contract.source is None or not contract.template:
        raise ValueError(f"the card {weight.key} is not that of a swapper with an alignment")
    return contract


def _optional_needs(store: WeightStore, choice: NeuralChoice) -> tuple[Need, ...]:
    wanted: tuple[tuple[str, str, str | None], ...] = (
        (_OUTLINE, PACK, LANDMARKS_FILE),
        (_SINGLE_PARTS, choice.parser, None),
        (_OCCLUSION, choice.occluder, None),
        (_ENHANCER, choice.enhancer, None),
    )
    needs = []
    for feature, key, name in wanted:
        found = store.resolve_model(key, name)
        missing = found.reason if isinstance(found, Unavailable) else ""
        needs.append(Need(key, feature, False, missing))
    return tuple(needs)


def _is_meant(store: WeightStore, choice: NeuralChoice) -> bool:
    """Whether a file of the swapper lies here, of whatever worth."""
    try:
        card = store.manifest.card(choice.swapper)
    except KeyError:
        return False
    return any(store.path(card.key, file.name).is_file() for file in card.files)
