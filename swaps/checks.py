"""System checks of swaps, run before the site starts."""

from typing import Any

from django.core.checks import CheckMessage, register

from faceweb.work.engines import engine_setting_check
from swaps.engines import MODULES


@register
def engine_is_known(**_: Any) -> list[CheckMessage]:
    """``FACEWEB_ENGINE`` must name an engine that there is."""
    return engine_setting_check(MODULES, id="swaps.E001")
