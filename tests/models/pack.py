"""The small real face-analysis pack, where there is one."""

import os
from functools import cache
from pathlib import Path

import pytest

from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from tests.conftest import shared_dir
from tests.models.networks.graphs import OrtSession


def pack_dir() -> Path:
    """Folder of the pack: FACEWEB_TEST_PACK, else beside the checkout; or a skip."""
    named = os.environ.get("FACEWEB_TEST_PACK")
    if named is None:
        return shared_dir("models") / "mini"
    if not Path(named).is_dir():
        pytest.skip("FACEWEB_TEST_PACK names no folder")
    return Path(named)


@cache
def load_analyser(folder: Path) -> InsightFaceAnalyser:
    """One analyser per pack for the whole run."""
    return InsightFaceAnalyser.from_pack(folder, OrtSession)
