"""The drawing of the floors in docs/architecture.md, made from the import contract and the code.

Floors are those of the contract in pyproject.toml, the highest on top. An arrow is drawn where
modules of one package import those of another, unless it can be read from two others.

    python scripts/drawing.py            # write it anew
    python scripts/drawing.py --check    # fail where it is not up to date (make check)
"""

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "architecture.md"
BEGIN: Final = "<!-- made by scripts/drawing.py -->"
END: Final = "<!-- end of what scripts/drawing.py made -->"
WIRING: Final = "wiring"

Floors = Sequence[Sequence[str]]
Imports = Mapping[str, set[str]]


def contract_floors(pyproject: str) -> list[list[str]]:
    """The floors of the import contract, the highest first; what wires it all is one box."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    floors = [[name.strip() for name in re.split(r"[|:]", line)] for line in layers]
    return [[WIRING] if "faceweb.urls" in floor else floor for floor in floors]


def package_imports(floors: Floors) -> dict[str, set[str]]:
    """Which packages of the floors import which, by their modules, annotations too."""
    graph = grimp.build_graph(
        "faceweb", "swaps", "editing", "models", exclude_type_checking_imports=False, cache_dir=None
    )
    packages = {name for floor in floors for name in floor}
    imports: dict[str, set[str]] = {name: set() for name in packages}
    for module in graph.modules:
        here = _package(module, packages)
        for imported in graph.find_modules_directly_imported_by(module):
            there = _package(imported, packages)
            if here != there:
                imports[here].add(there)
    return imports


def _package(module: str, packages: set[str]) -> str:
    """The package on a floor that a module is of."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in packages), WIRING)


def reduced(imports: Imports) -> dict[str, set[str]]:
    """The same without arrows that are said by going two or more others; wants no circle."""

    def reach(name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for other in imports.get(waiting.pop(), ()):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    return {
        name: {
            other
            for other in others
            if not any(other in reach(between) for between in others if between != other)
        }
        for name, others in imports.items()
    }


def drawing(floors: Floors, imports: Imports) -> str:
    """A Mermaid flowchart."""
    lines = ["```mermaid", "flowchart TB"]
    for number, floor in enumerate(floors):
        boxes = [f"{_id(name)}[{name.removeprefix('faceweb.')}]" for name in floor]
        lines += [f"  subgraph floor{number} [ ]", *(f"    {box}" for box in boxes), "  end"]
    arrows = reduced(imports)
    for floor in floors:
        for name in floor:
            lines += [f"  {_id(name)} --> {_id(other)}" for other in sorted(arrows.get(name, ()))]
    return "\n".join([*lines, "```"])


def _id(name: str) -> str:
    return name.replace(".", "_")


def page_with(page: str, picture: str) -> str:
    """The document with the drawing in its place.

    Raises:
        ValueError: it has no place for it.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no place for the drawing")
    return f"{before}{BEGIN}\n\n{picture}\n\n{END}{after}"


def main() -> None:
    """Write the drawing, or with --check say whether it is up to date."""
    sys.path.insert(0, str(ROOT))
    floors = contract_floors((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    wanted = page_with(page, drawing(floors, package_imports(floors)))
    if "--check" not in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
    elif wanted != page:
        sys.exit("docs/architecture.md: the drawing is old; run python scripts/drawing.py")


if __name__ == "__main__":
    main()
