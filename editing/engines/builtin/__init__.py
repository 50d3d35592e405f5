"""The edits that need no download of their own: smile and age by mesh and parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from editing.engines.base import AGE, SMILE, EditEngine, EditEngineSpec, EditOffer
from models.engines import Machine, Need, Notice
from models.options import OptionSchema, gettext_noop
from models.store.weights import Unavailable

if TYPE_CHECKING:
    from models.faces.face import Face

OPTIONS: Final = OptionSchema((SMILE, AGE))

OPEN_MOUTH: Final = 0.15
"""Opening of the mouth from which on earnest can only narrow it."""
TURNED: Final = 38.0
"""Degrees of yaw from which on half of a smile is hardly seen."""

_NEEDS: Final = (
    ("finder", gettext_noop("finding faces"), True),
    ("mesh", gettext_noop("placing a face"), True),
    ("parser", gettext_noop("grey hair, and skin told from what covers it"), False),
)


class BuiltinEditSpec(EditEngineSpec):
    """See :class:`editing.engines.base.EditEngineSpec`."""

    name = "builtin"
    label = gettext_noop("Built-in")
    chosen_by = ("builtin", "neural")

    def offer(self, machine: Machine) -> EditOffer:
        """Both sliders where finder and mesh are; without the parser no hair greys."""
        needs = []
        for card, feature, is_required in _NEEDS:
            found = machine.store.resolve_model(card)
            missing = found.reason if isinstance(found, Unavailable) else ""
            needs.append(Need(card, feature, is_required, missing))
        missing = next((need.missing for need in needs if need.is_required and need.missing), "")
        return EditOffer(OPTIONS, missing=missing, needs=tuple(needs))

    def check(self, face: Face) -> list[Notice]:
        """Where little can change, before anything is asked."""
        notices = []
        if face.hints.mouth is not None and face.hints.mouth >= OPEN_MOUTH:
            notices.append(Notice("mouth_open"))
        if abs(face.pose.yaw) >= TURNED:
            notices.append(Notice("face_turned_away"))
        return notices

    def load(self, machine: Machine) -> EditEngine:
        """The engine; who judges identity is the site's analyser, whichever that is."""
        from editing.engines.builtin.engine import BuiltinEditEngine
        from models.faces.analysis.builtin import BuiltinAnalyser
        from models.networks.opening import open_builtin

        analyser = machine.analyser()
        if isinstance(analyser, BuiltinAnalyser):
            judge = analyser if analyser.can_identify else None
            return BuiltinEditEngine(analyser, judge, OPTIONS)
        return BuiltinEditEngine(open_builtin(machine.store, machine.sessions()), analyser, OPTIONS)


ENGINE: Final = BuiltinEditSpec()
