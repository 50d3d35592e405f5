"""The engine that needs no download of its own: the source's face drawn over the target's mesh.

Shape, features and expression come from the source; outline, hair, skin tone, light, glasses and
whatever is in front of the face stay the target's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.engines import Machine, Need, Notice
from models.networks.finding import FINDER, IDENTITY, MESH, PARSER
from models.options import ChoiceOption, IntOption, Item, OptionSchema, gettext_noop
from models.store.weights import Unavailable
from swaps.engines.base import SwapEngine, SwapEngineSpec, SwapOffer
from swaps.engines.builtin.pair import check_pair

if TYPE_CHECKING:
    from models.faces.face import Face

_NEEDS: Final = {
    FINDER: (gettext_noop("finding faces"), True),
    MESH: (gettext_noop("the shape of a face"), True),
    PARSER: (gettext_noop("hair, glasses and hands stay in front of the face"), False),
    IDENTITY: (gettext_noop("figures of likeness, several photos of one person"), False),
}
"""For each card what it is for, and whether there is no engine without it."""

OPTIONS: Final = OptionSchema(
    (
        ChoiceOption(
            key="expression",
            label=gettext_noop("Expression"),
            default="source",
            in_row=True,
            items=(
                Item("source", gettext_noop("Of the new face")),
                Item("target", gettext_noop("As in the photo")),
            ),
        ),
        IntOption(
            key="shape",
            label=gettext_noop("Shape of the face"),
            low=0,
            high=100,
            default=95,
            step=5,
            unit="%",
            less=gettext_noop("as in the photo"),
            more=gettext_noop("of the new face"),
        ),
        ChoiceOption(
            key="colour",
            label=gettext_noop("Skin and light"),
            default="class",
            items=(
                Item(
                    "class",
                    gettext_noop("Part by part"),
                    gettext_noop("Skin, lips, brows, eyes and teeth each in the photo's light."),
                ),
                Item(
                    "mean",
                    gettext_noop("Evenly"),
                    gettext_noop("One shift for the whole face; keeps its own light."),
                ),
                Item(
                    "histogram",
                    gettext_noop("By its tones"),
                    gettext_noop("Dark, middle and light tones each as in the photo."),
                ),
                Item(
                    "white_balance",
                    gettext_noop("White balance only"),
                    gettext_noop("Keeps the skin of the new face in the light of the photo."),
                ),
            ),
        ),
        ChoiceOption(
            key="blend",
            label=gettext_noop("How the face is blended in"),
            default="multiband",
            items=(
                Item(
                    "multiband",
                    gettext_noop("Natural"),
                    gettext_noop(
                        "Blends tones broadly and keeps fine detail. Right for most photos."
                    ),
                ),
                Item(
                    "poisson",
                    gettext_noop("Soft"),
                    gettext_noop(
                        "Takes the light of the photo over wholly. Good when the light differs."
                    ),
                ),
                Item(
                    "alpha",
                    gettext_noop("Plain"),
                    gettext_noop("A simple soft edge. Keeps the colours of the face as they are."),
                ),
            ),
        ),
    )
)


class BuiltinSpec(SwapEngineSpec):
    """See :class:`swaps.engines.base.SwapEngineSpec`."""

    name = "builtin"
    label = gettext_noop("Built-in")
    analyser = "builtin"
    chosen_by = ("builtin",)

    def vocabulary(self) -> OptionSchema:
        """The same on every machine."""
        return OPTIONS

    def offer(self, machine: Machine) -> SwapOffer:
        """What the networks that are here allow; without finder and mesh there is no engine."""
        needs, missing = [], ""
        for key, (feature, is_required) in _NEEDS.items():
            found = machine.store.resolve_model(key)
            reason = found.reason if isinstance(found, Unavailable) else ""
            needs.append(Need(key, feature, is_required, reason))
            if isinstance(found, Unavailable) and is_required and not missing:
                missing = f"{found.reason} {found.remedy}"
        can_tell = all(not need.missing for need in needs if need.card == IDENTITY)
        return SwapOffer(OPTIONS, missing, tuple(needs), takes_several=can_tell)

    def check(self, target: Face, source: Face) -> list[Notice]:
        """What will show, or why it cannot be done."""
        return check_pair(target, source)

    def load(self, machine: Machine) -> SwapEngine:
        """The engine with its networks.

        Raises:
            RuntimeError: :meth:`offer` says that something is missing.
        """
        from models.networks.opening import open_builtin
        from swaps.engines.builtin.engine import BuiltinSwapEngine

        if missing := self.offer(machine).missing:
            raise RuntimeError(missing)
        return BuiltinSwapEngine(open_builtin(machine.store, machine.sessions()))


ENGINE: Final = BuiltinSpec()
