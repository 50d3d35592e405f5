"""Why something was not done: a code and its parameters, made a sentence where it is shown."""

from typing import Any, TypeAlias

JSON: TypeAlias = (
    "str | int | float | bool | list[JSON] | tuple[JSON, ...] | dict[str, JSON] | None"
)


class Refusal(Exception):
    """Something a person asked for cannot be done, and they can understand why.

    ``Refusal("face_too_small", width=31)`` holds no sentence. The site makes one from its catalogue
    (`faceweb.core.words`) when it is shown, in the language of whoever reads it.

    Attributes:
        code: stable identifier for programs and for the catalogue, such as ``no_face``.
        params: what the sentence is filled with; JSON, so that a row can keep it.
    """

    def __init__(self, code: str, /, **params: JSON) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: dict[str, JSON] = params

    def __str__(self) -> str:
        if not self.params:
            return self.code
        shown = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{self.code} ({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _refusal_make, (type(self), self.code, self.params)

    def to_dict(self) -> dict[str, JSON]:
        """As rows keep it: ``{"code": ..., "params": {...}}``."""
        return {"code": self.code, "params": self.params}


def _refusal_make(kind: type[Refusal], code: str, params: dict[str, JSON]) -> Refusal:
    refusal = kind.__new__(kind)
    Refusal.__init__(refusal, code, **params)
    return refusal
