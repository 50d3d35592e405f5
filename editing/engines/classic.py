"""The edits that need no download: geometry for the smile, frequency bands for the age.

They bend and shade what the photo shows and invent nothing: a closed mouth smiles closed, and hair
greys only where it can be told from all else. Age in years is not offered: by how many years a face
is made to look older this way, nobody has measured.
"""

from __future__ import annotations

from typing import Final

from editing.engines.base import AGE, SMILE, EditEngine, EditEngineSpec, EditOffer
from models.engines import Machine
from models.options import OptionSchema, gettext_noop

OPTIONS: Final = OptionSchema((SMILE, AGE))


class ClassicSpec(EditEngineSpec):
    """See :class:`editing.engines.base.EditEngineSpec`."""

    name = "classic"
    label = gettext_noop("Classic")
    chosen_by = ("builtin", "neural")

    def offer(self, machine: Machine) -> EditOffer:
        """Its networks come with packages, so it is always there."""
        return EditOffer(OPTIONS)

    def load(self, machine: Machine) -> EditEngine:
        """The engine; its networks are opened when they are first used."""
        from editing.engines.classic_engine import ClassicEditEngine

        return ClassicEditEngine()


ENGINE: Final = ClassicSpec()
