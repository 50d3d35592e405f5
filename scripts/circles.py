"""Circles of files: modules that import each other, directly or round several corners.

Every import at the head of a file counts, also one for annotations alone: either ties two files
together for whoever reads them. One inside a function does not: so an engine's declaration loads
the engine when a worker asks for it.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("faceweb", "swaps", "editing", "models")


def imports_of(packages: Iterable[str] = PACKAGES) -> dict[str, set[str]]:
    """What the head of each module of these packages imports from them."""
    paths = {_name(path): path for package in packages for path in (ROOT / package).rglob("*.py")}
    return {
        module: {name for name in _imported(path) if name in paths and name != module}
        for module, path in paths.items()
    }


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    """The modules that a file's head may name; `from a import b` names ``a`` and ``a.b``."""
    for node in _head(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            known = [name for name in submodules if _is_module(name)]
            yield from known
            # Where all that is taken are modules, the package itself gives nothing of its own.
            if len(known) < len(submodules):
                yield node.module


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _head(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement that runs when the file is loaded, and those for a type checker."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from _head(getattr(node, part, ()))
        for handler in getattr(node, "handlers", ()):
            yield from _head(handler.body)


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that can each reach the others (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for imported in imports.get(module, ()):
            if imported not in number:
                visit(imported)
                lowest[module] = min(lowest[module], lowest[imported])
            elif imported in path:
                lowest[module] = min(lowest[module], number[imported])
        if lowest[module] == number[module]:
            group = path[path.index(module) :]
            del path[path.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(imports):
        if module not in number:
            visit(module)
    return sorted(found)


def main() -> None:
    """Print every circle; fail where there is one."""
    found = circles(imports_of())
    for group in found:
        sys.stdout.write("a circle of files: " + ", ".join(group) + "\n")
    if found:
        sys.exit(1)


if __name__ == "__main__":
    main()
