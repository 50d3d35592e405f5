"""A site that would deliver somebody else is told so before it starts."""

from typing import Any

import pytest

from editing.checks import identity_threshold_is_sound


@pytest.mark.parametrize(("percent", "ids"), [(80, []), (95, []), (79, ["editing.W001"])])
def test_below_eighty_per_cent_there_is_a_warning(
    percent: int, ids: list[str], settings: Any
) -> None:
    settings.IDENTITY_THRESHOLD = percent
    found = identity_threshold_is_sound()
    assert [message.id for message in found] == ids
    assert all("FACEWEB_IDENTITY_THRESHOLD" in str(message.hint) for message in found)
