"""What the tests would not notice: changes one small thing in the code and runs its tests.

``make mutants`` works on a copy of the checkout and writes the table in docs/mutants.md. A mutant
that every test passes is a *survivor*: either a test is missing or the code does not matter. The
choice of mutants depends on nothing but the code, so that two runs of one state agree.

    python scripts/mutants.py                       # the table of docs/mutants.md
    python scripts/mutants.py --only editing/guard.py --most 40
"""

import argparse
import ast
import copy
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "mutants.md"
MOST = 12
TIMEOUT_SECONDS = 300

# What must not break unseen, and the tests that are there to see it.
TARGETS: dict[str, list[str]] = {
    "editing/guard.py": ["tests/editing/test_guard.py"],
    "models/pixels/paste.py": ["tests/models/test_paste.py"],
    "models/pixels/masks.py": ["tests/models/test_masks.py"],
    "faceweb/media/delivery.py": ["tests/media/test_delivery.py"],
    "faceweb/media/sandbox.py": ["tests/media/test_intake.py", "tests/media/test_hostile.py"],
    "faceweb/core/durable/queue.py": [
        "tests/work/test_services.py",
        "tests/work/test_parallel.py",
        "tests/media/test_fairness.py",
        "tests/moderation/test_decisions.py",
    ],
    "faceweb/work/parts.py": ["tests/work/test_parts.py", "tests/work/test_parallel.py"],
    "faceweb/work/services.py": [
        "tests/work/test_services.py",
        "tests/work/test_worker.py",
        "tests/work/test_parallel.py",
        "tests/work/test_serving.py",
    ],
    "faceweb/moderation/decisions.py": ["tests/moderation/test_decisions.py"],
}

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what it was, what it became, and the whole module with it."""

    line: int
    before: str
    after: str
    source: str


@dataclass
class Tally:
    """What became of the mutants of one module."""

    module: str
    tried: int = 0
    survivors: list[Mutant] = field(default_factory=list)


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    found = []
    for number, node in enumerate(_mutable(tree)):
        for variant in _variants(node):
            changed = copy.deepcopy(tree)
            twin = list(_mutable(changed))[number]
            _replace(changed, twin, variant)
            ast.fix_missing_locations(changed)
            found.append(
                Mutant(_line(node), _text(node), _text(variant), ast.unparse(changed) + "\n")
            )
    return sorted(found, key=lambda mutant: mutant.line)


def sample(mutants: list[Mutant], most: int) -> list[Mutant]:
    """At most `most` of them, spread by a digest of each rather than by chance."""

    def key(mutant: Mutant) -> str:
        words = f"{mutant.line} {mutant.before} {mutant.after}"
        return hashlib.sha256(words.encode()).hexdigest()

    return sorted(sorted(mutants, key=key)[:most], key=lambda mutant: mutant.line)


def _mutable(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be changed: code that runs, no annotations, docstrings or imports."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Import | ast.ImportFrom | ast.arguments):
            continue
        if isinstance(child, ast.AnnAssign):
            if child.value is not None:
                yield from _mutable_with(child.value)
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for statement in child.body:
                yield from _mutable_with(statement)
            continue
        yield from _mutable_with(child)


def _mutable_with(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for statement in node.body:
            yield from _mutable_with(statement)
        return
    if any(True for _ in _variants(node)):
        yield node
    if isinstance(node, ast.JoinedStr):
        return
    yield from _mutable(node)


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=comparators) if type(op) in _COMPARE:
            yield ast.Compare(left, [_COMPARE[type(op)]()], comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            yield ast.BinOp(left, _BINARY[type(op)](), right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)) | ast.Constant(value=float(value)):
            yield ast.Constant(value + 1)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list) and any(entry is old for entry in value):
                value[[entry is old for entry in value].index(True)] = new
                return
    raise AssertionError("the node is not in the tree")


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    return text if len(text) <= 60 else text[:57] + "..."


def survives(copy_root: Path, module: str, mutant: Mutant, tests: Iterable[str]) -> bool:
    """Whether the tests pass with the mutant in place of the module; a hang counts as noticed."""
    path = copy_root / module
    original = path.read_text()
    path.write_text(mutant.source)
    try:
        return _passes(copy_root, tests)
    finally:
        path.write_text(original)


def _passes(copy_root: Path, tests: Iterable[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        result = subprocess.run(
            command,
            cwd=copy_root,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


def run(targets: dict[str, list[str]], most: int, root: Path = ROOT) -> list[Tally]:
    """Try the mutants of every target in a copy of `root`."""
    tallies = []
    with tempfile.TemporaryDirectory(prefix="faceweb-mutants-") as folder:
        copied = Path(folder) / "checkout"
        shutil.copytree(
            root, copied, ignore=shutil.ignore_patterns(".git", ".venv", "var", ".*cache")
        )
        for module, tests in targets.items():
            if not _passes(copied, tests):
                sys.exit(f"{module}: its tests fail as it is, so that they can notice nothing")
            tally = Tally(module)
            for mutant in sample(mutants_of((root / module).read_text()), most):
                tally.tried += 1
                if survives(copied, module, mutant, tests):
                    tally.survivors.append(mutant)
            say(f"{module}: {tally.tried - len(tally.survivors)} of {tally.tried} noticed")
            tallies.append(tally)
    return tallies


def table(tallies: list[Tally]) -> str:
    """The page docs/mutants.md."""
    lines = [
        "# Mutants",
        "",
        "`make mutants` changes one small thing at a time in the code that must not break unseen,",
        "runs the tests that are there to see it, and writes this page. It tries a fixed choice of",
        f"at most {MOST} changes a module; `scripts/mutants.py --only MODULE --most N` tries more.",
        "",
        "| module | tried | noticed | survived |",
        "|---|---|---|---|",
    ]
    for tally in tallies:
        left = len(tally.survivors)
        lines.append(f"| `{tally.module}` | {tally.tried} | {tally.tried - left} | {left} |")
    survivors = [(tally.module, mutant) for tally in tallies for mutant in tally.survivors]
    if survivors:
        lines += ["", "## Survivors", ""]
        lines += [
            f"- `{module}:{mutant.line}`: `{mutant.before}` became `{mutant.after}`"
            for module, mutant in survivors
        ]
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", choices=sorted(TARGETS), help="one module; the page stays")
    parser.add_argument("--most", type=int, default=MOST, help=f"mutants a module ({MOST})")
    asked = parser.parse_args()
    if asked.only:
        for tally in run({asked.only: TARGETS[asked.only]}, asked.most):
            for mutant in tally.survivors:
                say(f"{tally.module}:{mutant.line}: {mutant.before} -> {mutant.after}")
    else:
        TABLE.write_text(table(run(TARGETS, asked.most)))


if __name__ == "__main__":
    main()
