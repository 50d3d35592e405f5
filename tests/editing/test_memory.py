"""What a worker remembers of a face: few, not for long, in its own memory."""

from editing.engines.memory import ShortMemory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_used_longest_ago_makes_room() -> None:
    memory = ShortMemory[str](2, 60)
    memory.keep(b"a", "A")
    memory.keep(b"b", "B")
    assert memory.get(b"a") == "A"
    memory.keep(b"c", "C")
    assert [memory.get(key) for key in (b"a", b"b", b"c")] == ["A", None, "C"]
    assert len(memory) == 2


def test_it_forgets_after_a_while_however_often_it_was_asked() -> None:
    clock = Clock()
    memory = ShortMemory[str](4, 60, clock)
    memory.keep(b"a", "A")
    clock.now = 59
    assert memory.get(b"a") == "A"
    clock.now = 60
    assert memory.get(b"a") is None
    assert len(memory) == 0
