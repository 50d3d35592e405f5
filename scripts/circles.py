"""Circles of files: modules that import each other, directly or round several corners.

Every import counts, also one inside a function and one for annotations alone: either ties two files
together for whoever reads them. Packages count by their `__init__`.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("faceweb", "swaps", "editing", "models")


def imports_of(packages: Iterable[str] = PACKAGES) -> dict[str, set[str]]:
    """What each module of these packages imports from them."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


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
    sys.path.insert(0, str(ROOT))
    found = circles(imports_of())
    for group in found:
        sys.stdout.write("a circle of files: " + ", ".join(group) + "\n")
    if found:
        sys.exit(1)


if __name__ == "__main__":
    main()
