"""The script behind `make mutants`: what it changes, and that it tells a survivor from the rest."""

from pathlib import Path

import pytest

from scripts.mutants import mutants_of, run, sample, table

MODULE = '''"""A module."""

LIMIT: int = 3


def small(number: int, extra: int = 7) -> bool:
    """Whether it is small."""
    return number < LIMIT


def unseen(number: int) -> int:
    return number + 1
'''
TESTS = """from small import small, unseen


def test_small():
    assert small(2) and not small(3) and unseen
"""


def test_code_is_changed_and_words_and_defaults_are_not() -> None:
    changes = {(mutant.line, mutant.before, mutant.after) for mutant in mutants_of(MODULE)}
    assert changes == {
        (3, "3", "4"),
        (8, "number < LIMIT", "number <= LIMIT"),
        (8, "return number < LIMIT", "return None"),
        (12, "number + 1", "number - 1"),
        (12, "1", "2"),
        (12, "return number + 1", "return None"),
    }


def test_each_mutant_is_one_change_of_the_whole_module() -> None:
    for mutant in mutants_of(MODULE):
        compile(mutant.source, "mutant", "exec")
        assert mutant.source.count("def ") == 2


def test_a_sample_is_the_same_every_time() -> None:
    mutants = mutants_of(MODULE)
    assert sample(mutants, 3) == sample(list(reversed(mutants)), 3)
    assert len(sample(mutants, 3)) == 3


def test_survivors_are_what_no_test_notices(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(MODULE)
    (tmp_path / "test_small.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django\n")
    tallies = run({"small.py": ["test_small.py"]}, 20, root=tmp_path)
    assert [tally.tried for tally in tallies] == [6]
    assert {mutant.line for mutant in tallies[0].survivors} == {12}
    page = table(tallies)
    assert "| `small.py` | 6 | 3 | 3 |" in page
    assert "- `small.py:12`: `number + 1` became `number - 1`" in page


def test_nothing_is_said_of_a_module_whose_tests_fail_anyway(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(MODULE)
    (tmp_path / "test_small.py").write_text("def test_small():\n    assert False\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django\n")
    with pytest.raises(SystemExit, match="fail as it is"):
        run({"small.py": ["test_small.py"]}, 20, root=tmp_path)
