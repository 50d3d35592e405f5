"""The gallery's system checks."""

from pathlib import Path
from typing import Any

import pytest

from faceweb.media import checks


def ids(messages: list[Any]) -> list[str]:
    return [str(message.id) for message in messages]


def test_the_defaults_pass(settings: Any) -> None:
    assert checks.media_root_is_writable() == []
    assert checks.delivery_fits_storage() == []
    assert checks.heif_is_supported() == []
    assert checks.media_root_is_not_static() == []


def test_a_media_root_that_is_a_file_is_an_error(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "file"
    settings.MEDIA_ROOT.write_text("")
    assert ids(checks.media_root_is_writable()) == ["media.E001"]


@pytest.mark.parametrize(
    ("delivery", "storage", "location", "expected"),
    [
        ("signed", "files", "/_private/", ["media.E002"]),
        ("accel", "s3", "/_private/", ["media.E003"]),
        ("accel", "files", "private", ["media.E004"]),
        ("accel", "files", "/_private/", []),
        ("signed", "s3", "", []),
        ("process", "s3", "", []),
    ],
)
def test_delivery_must_fit_the_storage(
    delivery: str, storage: str, location: str, expected: list[str], settings: Any
) -> None:
    settings.DELIVERY, settings.STORAGE = delivery, storage
    settings.DELIVERY_ACCEL_LOCATION = location
    assert ids(checks.delivery_fits_storage()) == expected


def test_a_missing_heif_decoder_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert ids(checks.heif_is_supported()) == ["media.W001"]


def test_media_must_not_lie_in_the_static_folder(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media"
    assert ids(checks.media_root_is_not_static()) == ["media.E005"]
