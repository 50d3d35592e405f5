"""What distinguishes this processor from others, as far as a copy of a model depends on it."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Final

_CPUINFO: Final = Path("/proc/cpuinfo")
_FIELDS: Final = ("vendor_id", "cpu family", "model", "flags", "Features")


def cpu_fingerprint() -> str:
    """Twelve hex digits for architecture, vendor, family, model and instruction sets."""
    fields = [platform.machine()]
    try:
        first = _CPUINFO.read_text(encoding="utf-8").partition("\n\n")[0]
        pairs = [line.partition(":") for line in first.splitlines()]
        known = {name.strip(): value for name, _, value in pairs}
        fields += [" ".join(sorted(known.get(name, "").split())) for name in _FIELDS]
    except OSError:
        fields.append(platform.processor())
    return hashlib.sha256("|".join(fields).encode()).hexdigest()[:12]
