"""A face found in an image, as plain data."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION: Final = 2
MESH_POINTS: Final = 468

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Which way a face looks, in degrees.

    Attributes:
        yaw: turn about the neck, -90 to 90; positive is turned towards the right edge of the
            image.
        pitch: nod, positive down.
        roll: tilt in the image plane, -180 to 180, positive clockwise on screen.
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


@dataclass(frozen=True)
class Hints:
    """What a closer look at one face tells; None is "not looked for".

    Attributes:
        lid_left, lid_right: opening over width of the eye on the image's left and right; under
            about 0.12 it is shut, 0.3 is plainly open.
        mouth: gap between the inner lips over the width of the mouth; 0 is closed.
        skin: CIE L* (0 to 100), a* and b* of the skin in the middle of its light.
        light: where the light comes from in the image plane, degrees, 0 from the right edge, 90
            from above, -180 to 180.
        contrast: how much brighter the lit half of the face is, in natural log of luminance, from
            0; from about 0.35 the light is hard.
        covered: share, 0 to 1, of the face that something hides: a hand, a mask, hair. Neither
            a beard nor glasses count.
        beard: share, 0 to 1, of chin, jaw and upper lip that is darker than the cheeks.
        fringe: share, 0 to 1, of brows and forehead under hair or a hat.
        glasses: share, 0 to 1, of the eye band that glasses take.
        cut: share, 0 to 1, of the face that lies outside the image.
    """

    lid_left: float | None = None
    lid_right: float | None = None
    mouth: float | None = None
    skin: tuple[float, float, float] | None = None
    light: float | None = None
    contrast: float | None = None
    covered: float | None = None
    beard: float | None = None
    fringe: float | None = None
    glasses: float | None = None
    cut: float | None = None


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
        quality: size, sharpness and occlusion.
        mesh: float32 (468, 3), x and y in pixels, z in the same scale and smaller towards the
            viewer, or None; see :mod:`models.geometry.face_mesh`.
        hints: what a closer look told.
        studied: whether that look has been taken; until then only what the mesh tells is known.
        embedding: float32 (D,) identity vector. It is biometric data: it stays in memory and
            :meth:`to_dict` leaves it out.
    """

    box: FloatArray
    kps: FloatArray
    landmarks: FloatArray | None
    score: float
    pose: Pose
    quality: Quality
    mesh: FloatArray | None = field(default=None, repr=False)
    hints: Hints = Hints()
    studied: bool = False
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
            mesh=None if self.mesh is None else (self.mesh * factor).astype(np.float32),
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
            mesh=(
                None
                if self.mesh is None
                else self.mesh * np.append(scale, scale[0]) + np.append(shift, np.float32(0))
            ),
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
            "mesh": None if self.mesh is None else _packed(self.mesh),
            "hints": {
                key: value if value is None else _rounded(np.asarray(value))
                for key, value in asdict(self.hints).items()
            },
            "studied": self.studied,
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
                mesh=None if data["mesh"] is None else _unpacked(data["mesh"]),
                hints=_hints(data["hints"]),
                studied=bool(data["studied"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"malformed face data: {error!r}") from error


def _rounded(values: np.ndarray) -> list[Any]:
    rounded: list[Any] = np.round(values.astype(np.float64), 2).tolist()
    return rounded


def _packed(mesh: FloatArray) -> dict[str, Any]:
    """A mesh in 3.7 kB: steps from its corner, 16 bits each, finer than a hundredth of a pixel
    up to 600 px."""
    corner = np.floor(mesh.min(axis=0)).astype(np.float64)
    step = max(float((mesh - corner).max()) / 65535, 1e-6)
    steps = np.round((mesh - corner) / step).clip(0, 65535).astype("<u2")
    return {
        "corner": corner.tolist(),
        "step": step,
        "points": base64.b64encode(steps.tobytes()).decode("ascii"),
    }


def _unpacked(data: dict[str, Any]) -> FloatArray:
    packed = base64.b64decode(data["points"], validate=True)
    if len(packed) != 6 * MESH_POINTS:
        raise ValueError(f"malformed face data: a mesh of {len(packed)} bytes")
    steps = np.frombuffer(packed, "<u2")
    corner = _array(data["corner"], (3,)).astype(np.float64)
    mesh = steps.reshape(MESH_POINTS, 3) * float(data["step"]) + corner
    return _array(mesh, (MESH_POINTS, 3))


def _hints(data: dict[str, Any]) -> Hints:
    values: dict[str, Any] = {
        key: None if value is None else float(value) for key, value in data.items() if key != "skin"
    }
    skin = data.get("skin")
    if skin is not None:
        lightness, a, b = (float(value) for value in skin)
        values["skin"] = (lightness, a, b)
    return Hints(**values)


def _array(values: Any, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(values, dtype=np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers of shape {shape}, got shape {array.shape}")
    return array
