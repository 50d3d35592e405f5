"""Finding faces and measuring whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from models.faces.face import Face, FloatArray
    from models.pixels.imaging import Image


class FaceAnalyser(Protocol):
    """One way to find and to recognise faces. Implementations may be used by several threads."""

    name: str

    def find_faces(self, image: Image) -> list[Face]:
        """The faces in `image`, uint8 (H, W, 3) BGR, largest first; none is an empty list."""
        ...

    def embed(self, image: Image, face: Face) -> FloatArray:
        """The identity vector, float32 (D,), of `face` in `image`, uint8 (H, W, 3) BGR."""
        ...

    def similarity(self, a: FloatArray, b: FloatArray) -> float:
        """How alike two vectors of :meth:`embed` are, at most 1 for the very same."""
        ...


@runtime_checkable
class FaceStudent(FaceAnalyser, Protocol):
    """An analyser that can also take a closer look, which is slower than finding."""

    def study(self, image: Image, face: Face) -> Face:
        """`face` with every hint that can be had in `image`, uint8 (H, W, 3) BGR."""
        ...
