"""Known again by its id or its looks, among all results, old and new."""

import secrets
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from faceweb.marks import registry
from faceweb.marks.models import MarkedResult
from faceweb.marks.registry import LooksIndex, result_by_id, result_by_looks

pytestmark = pytest.mark.django_db


def entry(**fields: Any) -> MarkedResult:
    return MarkedResult.objects.create(
        mark_id=secrets.token_hex(8),
        **{
            "pdq": secrets.token_hex(32),
            "pdq_badged": secrets.token_hex(32),
            "pdq_quality": 100,
            "kind": "swap",
            **fields,
        },
    )


def flipped(hash_hex: str, bits: int) -> bytes:
    """The hash with so many of its bits turned, spread over all words."""
    value = int(hash_hex, 16)
    for number in range(bits):
        value ^= 1 << (number * 37 % 256)
    return value.to_bytes(32, "big")


def test_an_id_is_known() -> None:
    known = entry()
    assert result_by_id(int(known.mark_id, 16)) == known
    assert result_by_id(int(known.mark_id, 16) ^ 1) is None


@pytest.mark.parametrize("which", ["pdq", "pdq_badged"])
@pytest.mark.parametrize(("bits", "same"), [(0, True), (31, True), (32, False), (60, False)])
def test_looks_are_known_up_to_31_bits_by_either_hash(which: str, bits: int, same: bool) -> None:
    for _ in range(50):
        entry()
    known = entry()
    found = result_by_looks([flipped(getattr(known, which), bits)], quality=100)
    assert (found is not None) == same
    if found:
        assert found.result == known
        assert found.distance == bits


def test_any_way_round_will_do() -> None:
    known = entry()
    ways = [secrets.token_bytes(32) for _ in range(7)]
    found = result_by_looks([*ways, flipped(known.pdq, 3)], quality=100)
    assert found is not None
    assert found.result == known


def test_an_empty_picture_looks_like_nothing() -> None:
    known = entry()
    assert result_by_looks([bytes.fromhex(known.pdq)], quality=49) is None
    flat = entry(pdq_quality=10)
    assert result_by_looks([bytes.fromhex(flat.pdq)], quality=100) is None


def test_what_is_new_is_found_and_what_is_gone_is_not() -> None:
    assert result_by_looks([secrets.token_bytes(32)], quality=100) is None
    known = entry()
    assert result_by_looks([bytes.fromhex(known.pdq)], quality=100) is not None
    late = entry()
    assert result_by_looks([bytes.fromhex(late.pdq)], quality=100) is not None
    late.delete()
    assert result_by_looks([bytes.fromhex(late.pdq)], quality=100) is None


def test_a_row_committed_late_is_found_and_none_is_read_twice() -> None:
    index = LooksIndex()
    first, second = entry(), entry()
    MarkedResult.objects.filter(pk=first.pk).update(id=second.pk + 5)
    index.refresh()
    assert len(index) == 2
    # As when another transaction had taken its number earlier and commits now.
    late = entry(pk=second.pk + 2)
    index.refresh()
    assert len(index) == 3
    assert index.nearest([bytes.fromhex(late.pdq)]) == (late.pk, 0)
    index.refresh()
    assert len(index) == 3


def test_settled_rows_are_not_read_again(django_assert_num_queries: Any) -> None:
    for _ in range(3):
        entry()
    MarkedResult.objects.update(made_at=timezone.now() - timedelta(hours=1))
    index = LooksIndex()
    index.refresh()
    MarkedResult.objects.update(pdq="0" * 64)
    index.refresh()
    assert len(index) == 3
    assert index._unsettled == set()


def test_memory_is_bounded_and_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ENTRIES_MOST", 10)
    rows = [entry() for _ in range(15)]
    index = LooksIndex()
    index.refresh()
    assert len(index) == 10
    assert index.nearest([bytes.fromhex(rows[0].pdq)]) is None
    rows += [entry() for _ in range(4)]
    index.refresh()
    assert len(index) == 10
    for row in rows[-10:]:
        assert index.nearest([bytes.fromhex(row.pdq)]) == (row.pk, 0)
    assert index.nearest([bytes.fromhex(rows[5].pdq)]) is None


def test_the_search_agrees_with_counting_bit_by_bit() -> None:
    rows = [entry() for _ in range(40)]
    index = LooksIndex()
    query = secrets.token_bytes(32)
    bits = np.unpackbits(np.frombuffer(query, np.uint8))
    counted = min(
        int((np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)) != bits).sum())
        for row in rows
        for text in (row.pdq, row.pdq_badged)
    )
    found = index.nearest([query], most=256)
    assert found is not None
    assert found[1] == counted
