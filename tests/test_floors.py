"""Template and static floors: what the check finds, what it lets pass, that the site is well."""

from pathlib import Path

import pytest

from scripts.floors import (
    Broken,
    Floors,
    floors_of_site,
    layers_of,
    references,
    site_check,
    static_check,
    template_check,
)

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = [
    "faceweb.urls : faceweb.context",
    "swaps | editing",
    "faceweb.media",
    "faceweb.core",
    "models",
]
FLOORS = Floors(
    layers_of(CONTRACT),
    urls={"studio": "swaps", "photos": "media", "account_login": None},
    tags={"gallery": "media", "panel": "swaps"},
)


def why(path: str, text: str) -> list[str]:
    return [one.why for one in template_check(path, text, FLOORS)]


def test_the_site_keeps_to_its_floors() -> None:
    assert site_check(ROOT, floors_of_site()) == []


def test_the_frame_lies_below_every_slice_and_above_the_core() -> None:
    assert [FLOORS.level(name) for name in ("faceweb", "editing", "media", "base", "core")] == [
        5, 4, 3, 2, 1,
    ]  # fmt: skip


def test_whatever_names_another_file_is_seen() -> None:
    text = """{% extends 'base/page.html' %}{% load static gallery %}{% load share from panel %}
    {%- include "media/_x.html" with a=1 -%}{% static 'media/a.css' %}{% url 'photos' 1 as there %}
    {% include template %}{% url name %}{# {% include comment %} #}"""
    assert list(references(text)) == [
        ("template", "base/page.html"),
        ("tags", "static"),
        ("tags", "gallery"),
        ("tags", "panel"),
        ("template", "media/_x.html"),
        ("static", "media/a.css"),
        ("url", "photos"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{% extends "base/page.html" %}',
        '{% include "media/_thumb.html" %}',
        "{% url 'photos' %}{% url 'account_login' %}",
        "{% load gallery i18n %}{% static 'base/base.css' %}",
        '{% include "swaps/_own.html" %}',
    ],
)
def test_down_and_within_is_let_pass(text: str) -> None:
    assert why("swaps/studio.html", text) == []


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("media/a.html", '{% include "swaps/_x.html" %}', "above"),
        ("media/a.html", "{% url 'studio' %}", "above"),
        ("media/a.html", "{% load panel %}", "above"),
        ("media/a.html", "{% static 'swaps/x.js' %}", "above"),
        ("base/a.html", "{% url 'photos' %}", "above"),
        ("swaps/a.html", '{% extends "editing/x.html" %}', "beside"),
        ("swaps/a.html", "{% url 'nowhere' %}", "no address"),
        ("swaps/a.html", '{% include "old.html" %}', "no floor"),
        ("account/a.html", '{% include "media/x.html" %}', "no slice"),
        ("icons/a.html", "", "no slice"),
    ],
)
def test_what_goes_up_sideways_or_nowhere_is_said(path: str, text: str, said: str) -> None:
    (one,) = why(path, text)
    assert said in one


def test_scripts_and_stylesheets_keep_to_the_floors() -> None:
    assert list(static_check("swaps/a.js", 'import {x} from "../media/b.js";', FLOORS)) == []
    (broken,) = static_check("media/a.css", '@import "../swaps/b.css";', FLOORS)
    assert broken == Broken("media/a.css", "../swaps/b.css", broken.why)
    assert "above" in broken.why
    assert list(static_check("lonely.css", "", FLOORS))


def test_no_stylesheet_is_left_that_serves_every_page_alone() -> None:
    sizes = {
        path.parent.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "static").glob("*/*.css")
        if path.stem == path.parent.name
    }
    assert {"base", "media", "work", "marks", "sharing", "swaps", "editing"} <= sizes.keys()
