"""Versions of a photo that are made only when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from models.pixels.imaging import Image


class Versions(Sequence[Image]):
    """Finished images, each made when it is read, so that one at a time is in memory.

    Args:
        given: what each is made from; anything with a length that can be sliced.
        make: makes one of them, uint8 (H, W, 3) BGR.
    """

    def __init__(self, given: Any, make: Callable[[Any], Image]) -> None:
        self._given = given
        self._make = make

    def __len__(self) -> int:
        return len(self._given)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | Sequence[Image]:
        if isinstance(index, slice):
            return Versions(self._given[index], self._make)
        return self._make(self._given[index])
