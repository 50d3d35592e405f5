"""Encryption of what is kept about protected faces."""

import base64
from functools import lru_cache

import numpy as np
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from models.faces.face import FloatArray


class CannotUnseal(Exception):
    """Something was sealed with another key, or is damaged."""


def seal(content: bytes) -> bytes:
    """``content`` so that only this site can read it, as printable characters."""
    return _cipher().encrypt(content)


def unseal(sealed: bytes) -> bytes:
    """The inverse of `seal`.

    Raises:
        CannotUnseal: the key is another one, or the content was changed.
    """
    try:
        return _cipher().decrypt(sealed)
    except InvalidToken as error:
        raise CannotUnseal from error


def vector_seal(vector: FloatArray) -> str:
    """An embedding, float32 (D,), sealed as text for a JSON column."""
    return seal(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode("ascii")


def vector_unseal(sealed: str) -> FloatArray:
    """The embedding, float32 (D,).

    Raises:
        CannotUnseal: as `unseal`, or it is no list of numbers.
    """
    content = unseal(sealed.encode("ascii"))
    if not content or len(content) % 4:
        raise CannotUnseal
    vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
    if not np.isfinite(vector).all():
        raise CannotUnseal
    return vector


def _cipher() -> Fernet:
    return _cipher_of(settings.PROTECTED_KEY or settings.SECRET_KEY)


@lru_cache(maxsize=2)
def _cipher_of(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"faceweb protected faces").derive(
        secret.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
