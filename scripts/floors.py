"""Floors of templates and static files: who includes, extends, links or loads what.

The import contract keeps Python to its floors; this keeps what Python cannot see to the same ones,
which are read from the contract itself. A template belongs to the slice its folder is named after,
and so does a static file; an address belongs to the package of its view, a tag library to its own.
A template may name its own slice and the floors below it, never one above or beside it.

``base`` is the frame of every page, below all slices but for `core`. Names that are decided when a
page is made (``{% include job_template %}``) come from a registry and are not looked at.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
BASE: Final = "base"
SITE: Final = "faceweb"
"""The folder of what belongs to the wiring: the first page."""
# Templates that a library wants under its own names, and the slice that they dress it for.
LIBRARIES: Final = {"account": "accounts", "mfa": "accounts", "allauth": "accounts"}
_REFERENCE = re.compile(
    r"""{%-?\s*(?P<tag>include|extends|static|url|load)\s+(?P<rest>.*?)\s*-?%}""", re.DOTALL
)
_QUOTED = re.compile(r"""^(?P<quote>['"])(?P<name>[^'"]+)(?P=quote)""")
# What a stylesheet or a script takes from another file.
_FROM_STATIC = re.compile(
    r"""(?:@import\s+|url\(\s*|from\s+|import\s+|import\(\s*)['"]?(?P<name>\.{1,2}/[^'")\s]+)"""
)


@dataclass(frozen=True, order=True)
class Broken:
    """One reference that goes up, or sideways, or nowhere."""

    file: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}: {self.name} {self.why}"


@dataclass(frozen=True)
class Floors:
    """The floors, the highest first, and whose each address and tag library is.

    Attributes:
        layers: slices by floor.
        urls: the slice of each named address; None for an address of a library.
        tags: the slice of each tag library of the site.
    """

    layers: tuple[frozenset[str], ...]
    urls: Mapping[str, str | None]
    tags: Mapping[str, str]

    def level(self, slice_: str) -> int | None:
        """How high a slice lies, 0 the lowest; None for one that is on no floor."""
        for height, names in enumerate(reversed(self.layers)):
            if slice_ in names:
                return height
        return None

    def why_not(self, here: str, there: str) -> str:
        """What is wrong with ``here`` naming ``there``; empty where nothing is."""
        own, other = self.level(here), self.level(there)
        if own is None or other is None:
            return f"is of {there if other is None else here!r}, which has no floor"
        if here == there or other < own:
            return ""
        return f"lies {'beside' if own == other else 'above'}: {there} is not below {here}"


def layers_of(contract: Iterable[str]) -> tuple[frozenset[str], ...]:
    """The floors by the lines of the import contract, without what no template is of."""
    floors = []
    for line in contract:
        names = {name.strip().removeprefix("faceweb.") for name in re.split(r"[|:]", line)}
        floors.append(frozenset({SITE} if "urls" in names else names))
    return (*floors[:-2], frozenset({BASE}), *floors[-2:])


def slice_of(path: str) -> str:
    """The slice of a template or a static file, by its folder."""
    folder = path.split("/", 1)[0] if "/" in path else ""
    return LIBRARIES.get(folder, folder)


def references(text: str) -> Iterator[tuple[str, str]]:
    """What a template names, as kind (``template``, ``static``, ``url``, ``tags``) and name."""
    for found in _REFERENCE.finditer(text):
        tag, rest = found["tag"], found["rest"]
        if tag == "load":
            names = rest.split(" from ")[-1].split()
            yield from (("tags", name) for name in names)
        elif quoted := _QUOTED.match(rest):
            kind = {"include": "template", "extends": "template"}.get(tag, tag)
            yield kind, quoted["name"]


def template_check(path: str, text: str, floors: Floors) -> Iterator[Broken]:
    """What is wrong with the references of one template, given as its path below templates/."""
    here = slice_of(path)
    if floors.level(here) is None:
        yield Broken(path, here or "it", "lies in the folder of no slice")
        return
    for kind, name in references(text):
        if kind == "tags":
            there: str | None = floors.tags.get(name)
        elif kind == "url":
            if name not in floors.urls:
                yield Broken(path, name, "is no address")
                continue
            there = floors.urls[name]
        else:
            there = slice_of(name)
            # Templates of libraries that only a library's own templates extend.
            if there in {"admin", "unfold"}:
                continue
        if there is not None and (why := floors.why_not(here, there)):
            yield Broken(path, name, why)


def static_check(path: str, text: str, floors: Floors) -> Iterator[Broken]:
    """What is wrong with what a stylesheet or a script takes from other files."""
    here = slice_of(path)
    if floors.level(here) is None:
        yield Broken(path, here or "it", "lies in the folder of no slice")
        return
    for found in _FROM_STATIC.finditer(text):
        target = os.path.normpath(Path(path).parent / found["name"])
        if why := floors.why_not(here, slice_of(target)):
            yield Broken(path, found["name"], why)


def site_check(root: Path, floors: Floors) -> list[Broken]:
    """Everything that is wrong in ``root``'s templates/ and static/."""
    broken: list[Broken] = []
    for folder, check in (("templates", template_check), ("static", static_check)):
        for file in sorted((root / folder).rglob("*")):
            if not file.is_file():
                continue
            text = file.read_text(encoding="utf-8") if file.suffix in _READ else ""
            broken += check(file.relative_to(root / folder).as_posix(), text, floors)
    return broken


_READ: Final = {".html", ".txt", ".css", ".js", ".svg"}


def floors_of_site() -> Floors:
    """The floors of this site; wants Django to be set up."""
    import tomllib

    from django.template import engines
    from django.urls import URLPattern, URLResolver, get_resolver

    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")

    urls: dict[str, str | None] = {}

    def walk(patterns: Iterable[URLPattern | URLResolver], namespace: str = "") -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                walk(pattern.url_patterns, inner)
            elif pattern.name:
                package = _package(pattern.callback.__module__)
                urls[namespace + pattern.name] = "moderation" if namespace == "admin:" else package

    walk(get_resolver().url_patterns)
    libraries = engines["django"].engine.libraries  # type: ignore[attr-defined]
    tags = {name: of for name, module in libraries.items() if (of := _package(module))}
    return Floors(layers_of(layers), urls, tags)


def _package(module: str) -> str | None:
    """The slice of a module; None for one of a library."""
    parts = module.split(".")
    if parts[0] != "faceweb":
        return parts[0] if parts[0] in {"swaps", "editing"} else None
    if len(parts) > 2:
        return parts[1]
    return SITE


def main() -> None:
    """Print every reference that goes wrong; fail where there is one."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceweb.settings")
    import django

    django.setup()
    broken = site_check(ROOT, floors_of_site())
    for one in broken:
        sys.stdout.write(f"{one}\n")
    if broken:
        sys.exit(1)


if __name__ == "__main__":
    main()
