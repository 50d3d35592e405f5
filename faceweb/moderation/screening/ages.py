"""The gate for pictures that may show somebody under age.

An estimate errs by years, so it only ever sends a picture to a person. It is compared with the
floor and forgotten: not stored, not shown, not logged, not among the scores.
"""

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from django.conf import settings

from faceweb.core.weights import session_factory, weight_store
from models.faces.face import Face, FloatArray
from models.networks.opening import open_age_network
from models.pixels.imaging import Image
from models.store import Unavailable


class AgeEstimator(Protocol):
    """Tells how old a face looks. May be used by several threads."""

    def years(self, image: Image, box: FloatArray) -> float:
        """Years that the face in ``box`` (4,) of ``image``, uint8 (H, W, 3) BGR, looks like."""
        ...


def get_estimator() -> AgeEstimator | None:
    """The estimator of this process, or None where its weights are not installed."""
    with _loading:
        return _loaded()


def may_show_minor(image: Image, faces: Sequence[Face], estimator: AgeEstimator) -> bool:
    """Whether any of the faces looks younger than FACEWEB_SCREENING_AGE_FLOOR.

    Args:
        image: uint8 (H, W, 3) BGR.
        faces: found in it.
        estimator: what estimates.
    """
    floor = settings.SCREENING_AGE_FLOOR
    return any(not estimator.years(image, face.box) >= floor for face in faces)


_loading = threading.Lock()


@lru_cache(maxsize=1)
def _loaded() -> AgeEstimator | None:
    network = open_age_network(weight_store(), session_factory())
    return None if isinstance(network, Unavailable) else network
