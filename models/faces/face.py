"""A face found in an image, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION: Final = 1

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Which way a face looks.

    Attributes:
        yaw: position of the nose bridge between the two sides of the jaw, -1 to 1. 0 is
            frontal, positive is turned towards the right edge of the image. The ratio is
            (a - b) / (a + b) with a and b the distances to the image-left and image-right jaw.
        pitch: height of the nose tip between eye line and mouth line, less its value on an
            average frontal face; negative when the face looks up, positive when down. Roughly
            -0.3 to 0.3, a ratio without unit.
        roll: tilt in the image plane in degrees, -180 to 180, positive clockwise on screen.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True)
class Quality:
    """Hints on how much can be made of a face.

    Attributes:
        width_px: width of the jaw in pixels, ear to ear.
        sharpness: standard deviation of the Laplacian of the grey face scaled to 128 px jaw
            width. Under about 5 the face is blurred.
        occlusion: share, 0 to 1, of the cheeks, nose and chin that does not look like the skin
            of this face; None where it was not measured.
        glasses: whether a frame crosses the bridge of the nose; None where it was not looked for.
    """

    width_px: float
    sharpness: float
    occlusion: float | None = None
    glasses: bool | None = None


@dataclass(frozen=True, eq=False)
class Face:
    """A face in the pixel coordinates of the image it was found in.

    Attributes:
        box: float32 (4,), x1, y1, x2, y2 in pixels.
        kps: float32 (5, 2), eye centre on the image's left, on its right, nose tip, mouth corner
            on the image's left, on its right.
        landmarks: float32 (68, 2) in iBUG 300-W order, or None.
        score: the detector's confidence; comparable only within one detector.
        pose: which way the face looks.
        quality: hints on size, sharpness and occlusion.
        embedding: float32 (D,) identity vector. It is biometric data: it stays in memory and
            :meth:`to_dict` leaves it out.
    """

    box: FloatArray
    kps: FloatArray
    landmarks: FloatArray | None
    score: float
    pose: Pose
    quality: Quality
    embedding: FloatArray | None = field(default=None, repr=False)

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        x1, y1, x2, y2 = self.box
        return float(max(x2 - x1, 0) * max(y2 - y1, 0))

    def scaled(self, factor: float) -> Face:
        """The same face in the image resized by `factor`."""
        return replace(
            self,
            box=(self.box * factor).astype(np.float32),
            kps=(self.kps * factor).astype(np.float32),
            landmarks=(
                None if self.landmarks is None else (self.landmarks * factor).astype(np.float32)
            ),
            quality=replace(self.quality, width_px=self.quality.width_px * factor),
        )

    def mapped(self, matrix: FloatArray) -> Face:
        """The same face where an upright cut-out shows it.

        Args:
            matrix: float32 (2, 3), as `models.pixels.imaging.reduced_region` gives it: scaled and
                shifted, not turned.
        """
        scale = np.array([matrix[0, 0], matrix[1, 1]], np.float32)
        shift = matrix[:, 2].astype(np.float32)

        def moved(points: FloatArray) -> FloatArray:
            return points * scale + shift

        return replace(
            self,
            box=moved(self.box.reshape(2, 2)).reshape(4),
            kps=moved(self.kps),
            landmarks=None if self.landmarks is None else moved(self.landmarks),
            quality=replace(self.quality, width_px=self.quality.width_px * float(scale[0])),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form without the embedding; coordinates and ratios rounded to 2 decimals."""
        occlusion = self.quality.occlusion
        return {
            "schema": SCHEMA_VERSION,
            "box": _rounded(self.box),
            "kps": _rounded(self.kps),
            "landmarks": None if self.landmarks is None else _rounded(self.landmarks),
            "score": round(float(self.score), 2),
            "pose": {
                "yaw": round(float(self.pose.yaw), 2),
                "pitch": round(float(self.pose.pitch), 2),
                "roll": round(float(self.pose.roll), 2),
            },
            "quality": {
                "width_px": round(float(self.quality.width_px), 2),
                "sharpness": round(float(self.quality.sharpness), 2),
                "occlusion": None if occlusion is None else round(float(occlusion), 2),
                "glasses": self.quality.glasses,
            },
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Face:
        """The inverse of :meth:`to_dict`.

        Raises:
            ValueError: the data is of another schema version or not of the documented shape.
        """
        try:
            if data["schema"] != SCHEMA_VERSION:
                raise ValueError(f"unknown face schema {data['schema']!r}")
            landmarks = data["landmarks"]
            return cls(
                box=_array(data["box"], (4,)),
                kps=_array(data["kps"], (5, 2)),
                landmarks=None if landmarks is None else _array(landmarks, (68, 2)),
                score=float(data["score"]),
                pose=Pose(**{key: float(data["pose"][key]) for key in ("yaw", "pitch", "roll")}),
                quality=Quality(
                    width_px=float(data["quality"]["width_px"]),
                    sharpness=float(data["quality"]["sharpness"]),
                    occlusion=(
                        None
                        if data["quality"]["occlusion"] is None
                        else float(data["quality"]["occlusion"])
                    ),
                    glasses=data["quality"].get("glasses"),
                ),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"malformed face data: {error!r}") from error


def _rounded(values: FloatArray) -> list[Any]:
    rounded: list[Any] = np.round(values.astype(np.float64), 2).tolist()
    return rounded


def _array(values: Any, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(values, dtype=np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers of shape {shape}, got shape {array.shape}")
    return array
