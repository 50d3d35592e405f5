"""What a closer look at one face tells: lids, mouth, skin, light, and what hides parts of it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.faces.face import FloatArray, Hints
from models.faces.parsing import BROWS, EYES, LIPS, SKIN, FaceClass, Parsing
from models.geometry import face_mesh
from models.pixels.imaging import Image, upright_patch

_GRID: Final = 4
"""Every fourth pixel of the parser's square is looked at."""
_OWN_SKIN: Final = (6, 197, 195, 5, 9, 151, 118, 347, 101, 330)
"""Bridge of the nose, the middle of the forehead, under the eyes: what masks and beards leave."""
_BROW_TOPS: Final = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_TEMPLES: Final = (21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251)
_EYE_BAND: Final = (
    127,
    70,
    105,
    107,
    336,
    334,
    300,
    356,
    454,
    447,
    346,
    347,
    6,
    118,
    117,
    227,
    234,
)
_BELOW_NOSE: Final = (
    *(132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361),
    *(425, 391, 2, 165, 205),
)
_DARKER: Final = -0.4
"""Log of luminance against the dimmer skin above, under which it is a beard."""
_OTHER_HUE: Final = 11.0
"""Distance in a* and b* from the cheeks over which a pixel is not this face's skin."""
_NOT_DARK: Final = -0.35
_OPEN_LID: Final = 0.26
_FEATURE_SEEN: Final = 0.2
_MOUTH_PART: Final = 0.25
_EYE_PART: Final = 0.12
"""What a mouth or an eye that cannot be seen adds to the share that is covered."""

Mask = NDArray[np.bool_]


def hints_of(image: Image, mesh: FloatArray, parsing: Parsing | None) -> Hints:
    """Everything that can be told of the face with `mesh` (468, 3) in `image`.

    Args:
        image: uint8 (H, W, 3) BGR.
        mesh: of the face, image pixels.
        parsing: its classes; without them only lids, mouth and the share outside the image.
    """
    left, right = face_mesh.lid_openings(mesh)
    bare = Hints(
        lid_left=left,
        lid_right=right,
        mouth=face_mesh.mouth_opening(mesh),
        cut=_share_outside(mesh, image.shape[:2]),
    )
    return bare if parsing is None else _Look(image, mesh, parsing).hints(bare)


def _share_outside(mesh: FloatArray, size: tuple[int, ...]) -> float:
    """Share of the outline that lies outside an image of `size` (height, width)."""
    outline = mesh[list(face_mesh.OVAL), :2]
    whole = cv2.contourArea(outline.astype(np.float32))
    frame = np.array([[0, 0], [size[1], 0], [size[1], size[0]], [0, size[0]]], np.float32)
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2)
    inside, _ = cv2.intersectConvexConvex(hull, frame)
    return float(np.clip(1 - inside / max(cv2.contourArea(hull), whole, 1e-6), 0, 1))


class _Look:
    """One face on the parser's square, a quarter of its size."""

    def __init__(self, image: Image, mesh: FloatArray, parsing: Parsing) -> None:
        self._labels = parsing.labels[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID]
        self._size = self._labels.shape[0]
        scale = float(np.hypot(*parsing.matrix[:, 0]))
        roll = float(np.degrees(np.arctan2(-parsing.matrix[1, 0], parsing.matrix[0, 0])))
        middle = cv2.invertAffineTransform(parsing.matrix) @ np.array([256.0, 256.0, 1.0])
        patch, matrix = upright_patch(
            image, middle.astype(np.float32), 512 / scale, roll, self._size
        )
        lab = cv2.cvtColor(patch.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        self._lab = cv2.GaussianBlur(lab, (0, 0), 1.0)
        self._tone = np.log(np.maximum(self._lab[..., 0], 2.0))
        self._mesh = mesh
        self._points = (mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        self._oval = self._polygon(face_mesh.OVAL)
        y, x = np.mgrid[: self._size, : self._size]
        back = cv2.invertAffineTransform(matrix.astype(np.float64))
        source = np.stack([x, y], axis=-1) @ back[:, :2].T + back[:, 2]
        self._in_image = (
            (source >= 0).all(axis=-1)
            & (source[..., 0] < image.shape[1])
            & (source[..., 1] < image.shape[0])
        )

    def hints(self, bare: Hints) -> Hints:
        cheeks = self._cheeks()
        if cheeks is None:
            covered = self._covered(None)
            return Hints(**{**vars(bare), "covered": covered})
        light, contrast = self._light()
        skin = tuple(float(value) for value in np.median(self._lab[cheeks], axis=0))
        return Hints(
            **{
                **vars(bare),
                "skin": skin,
                "light": light,
                "contrast": contrast,
                "covered": self._covered(cheeks),
                "beard": self._beard(cheeks),
                "fringe": self._share(self._brows_and_forehead(), (FaceClass.HAIR, FaceClass.HAT)),
                "glasses": self._share(self._polygon(_EYE_BAND), (FaceClass.GLASSES,)),
            }
        )

    def _polygon(self, points: tuple[int, ...]) -> Mask:
        mask = np.zeros((self._size, self._size), np.uint8)
        hull = cv2.convexHull(self._points[list(points)])
        cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1)
        return mask > 0

    def _is(self, classes: tuple[FaceClass, ...]) -> Mask:
        return np.isin(self._labels, classes)

    def _share(self, area: Mask, classes: tuple[FaceClass, ...]) -> float:
        area = area & self._in_image
        return float(self._is(classes)[area].mean()) if area.any() else 0.0

    def _cheeks(self) -> Mask | None:
        """Skin that is surely the face's own, on nose, forehead and cheeks; None without any."""
        near = np.zeros((self._size, self._size), np.uint8)
        radius = max(round(0.05 * np.ptp(self._points[:, 0])), 2)
        for point in self._points[list(_OWN_SKIN)]:
            x, y = (int(value) for value in np.round(point))
            cv2.circle(near, (x, y), radius, 1, -1)
        area = (near > 0) & self._is(SKIN) & self._in_image
        return area if int(area.sum()) >= 20 else None

    def _brows_and_forehead(self) -> Mask:
        return self._polygon((*_BROW_TOPS, *_TEMPLES)) & self._oval

    def _light(self) -> tuple[float, float]:
        """Direction of the light in degrees, and how much brighter the lit half is.

        The log of luminance at each skin point of the mesh, fitted as a linear function of the
        normal there; points that do not fit count less.
        """
        at = np.round(self._points).astype(int).clip(0, self._size - 1)
        normals = face_mesh.vertex_normals(self._mesh)
        # Beards are dark by themselves.
        skin = self._is(SKIN) & self._oval & self._in_image & ~self._polygon(_BELOW_NOSE)
        seen = skin[at[:, 1], at[:, 0]] & (normals[:, 2] < -0.2)
        if int(seen.sum()) < 30:
            return 0.0, 0.0
        values = self._tone[at[seen, 1], at[seen, 0]].astype(np.float64)
        design = np.column_stack([np.ones(int(seen.sum())), normals[seen]]).astype(np.float64)
        weight = np.ones(len(values))
        for _ in range(4):
            root = weight[:, None]
            fit = np.linalg.lstsq(design * root, values * weight, rcond=None)[0]
            miss = np.abs(values - design @ fit)
            spread = max(float(np.median(miss)) * 1.5, 0.02)
            weight = np.sqrt(1 / (1 + (miss / spread) ** 2))
        across, down = fit[1], fit[2]
        strength = float(np.hypot(across, down))
        lit = normals[seen, :2] @ np.array([across, down]) / max(strength, 1e-9)
        bright, dim = values[lit > 0.15], values[lit < -0.15]
        contrast = float(bright.mean() - dim.mean()) if len(bright) > 5 and len(dim) > 5 else 0.0
        return float(np.degrees(np.arctan2(-down, across))), max(contrast, 0.0)

    def _beard(self, cheeks: Mask) -> float:
        zone = self._polygon(_BELOW_NOSE) & self._oval & self._in_image
        zone &= self._is((*SKIN, FaceClass.HAIR))
        if not zone.any():
            return 0.0
        # Against the dimmer skin above: a jaw lies in the shade of its own shape.
        above = self._is(SKIN) & self._oval & self._in_image & ~self._polygon(_BELOW_NOSE)
        own = float(np.percentile(self._tone[above if above.any() else cheeks], 30))
        dark = (self._tone - own < _DARKER) | self._is((FaceClass.HAIR,))
        return float(dark[zone].mean())

    def _covered(self, cheeks: Mask | None) -> float:
        oval = self._oval & self._in_image
        if not oval.any():
            return 1.0
        own = self._is((*SKIN, *BROWS, *EYES, *LIPS, FaceClass.MOUTH, FaceClass.GLASSES))
        # A beard is hair on the face, whatever the parser calls it.
        own |= self._is((FaceClass.HAIR,)) & self._polygon(_BELOW_NOSE)
        hidden = oval & ~own
        if cheeks is not None:
            hidden |= oval & self._foreign(cheeks)
        share = float(hidden.sum() / oval.sum())
        return float(min(share + self._unseen(), 1.0))

    def _foreign(self, cheeks: Mask) -> Mask:
        """What passes for skin by its shape and not by its colour: masks of cloth and paper."""
        colour = np.median(self._lab[cheeks], axis=0)
        own = float(np.median(self._tone[cheeks]))
        spread = float(
            np.percentile(np.linalg.norm(self._lab[cheeks][:, 1:] - colour[1:], axis=1), 90)
        )
        away = np.linalg.norm(self._lab[..., 1:] - colour[1:], axis=2)
        foreign = self._is(SKIN) & (away > max(_OTHER_HUE, 2 * spread))
        foreign &= self._tone - own > _NOT_DARK
        return cv2.morphologyEx(foreign.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5))) > 0

    def _unseen(self) -> float:
        """What is added for a mouth and eyes that the parser does not see where they must be."""
        added = 0.0
        mouth = self._polygon(face_mesh.OUTER_LIPS)
        if self._share(mouth, (*LIPS, FaceClass.MOUTH)) < _FEATURE_SEEN:
            added += _MOUTH_PART
        turned = face_mesh.place_head(self._mesh).pose.yaw
        eyes = zip(
            (face_mesh.LEFT_EYE, face_mesh.RIGHT_EYE),
            (-1, 1),
            face_mesh.lid_openings(self._mesh),
            strict=True,
        )
        for points, side, opening in eyes:
            # The far eye of a turned head is hidden by the nose and not by an object.
            if side * turned > 35:
                continue
            # A narrow or closed eye is no eye that is covered.
            if opening < _OPEN_LID:
                continue
            eye = self._polygon(points)
            if self._share(eye, (*EYES, FaceClass.GLASSES)) < _FEATURE_SEEN / 4:
                added += _EYE_PART
        return added
