"""What every page keeps to: the strict content policy, errors in plain words, one stylesheet."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory
from django.urls import reverse

from faceweb.media.errors import IntakeError
from faceweb.work.models import Job
from scripts.floors import references

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
ERROR_PAGES = ["400", "403", "403_csrf", "404", "413", "429", "500"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "templates").as_posix()


BLOCKED = {
    "inline style": r"\sstyle\s*=",
    "inline stylesheet": r"<style\b",
    "inline event handler": r"\son[a-z]+\s*=",
    "script in an attribute": r"hx-on\b|hx-vals=['\"]js:|javascript:",
    "inline script": r"<script\b(?![^>]* src=)",
}


def test_no_template_holds_what_the_content_policy_blocks() -> None:
    found = [
        f"{name_of(path)}: {what}"
        for path in TEMPLATES
        for what, pattern in BLOCKED.items()
        if re.search(pattern, path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_template_compiles_and_names_files_that_exist() -> None:
    missing = []
    for path in TEMPLATES:
        get_template(name_of(path))
        for kind, name in references(path.read_text(encoding="utf-8")):
            if kind == "static" and not finders.find(name):
                missing.append(f"{name_of(path)}: {name}")
            if kind == "template":
                get_template(name)
    assert missing == []


def test_every_picture_says_what_it_shows() -> None:
    silent = [
        f"{name_of(path)}: {tag}"
        for path in TEMPLATES
        for tag in re.findall(r"<img\b[^>]*>", path.read_text(encoding="utf-8"))
        if " alt=" not in tag
    ]
    assert silent == []


@pytest.mark.parametrize("code", ERROR_PAGES)
def test_an_error_page_needs_no_session_no_user_and_no_database(code):
    page = render_to_string(f"base/errors/{code}.html")
    assert page.count("<h1>") == 1
    assert code[:3] in page
    assert 'href="/studio/"' in page


@pytest.mark.django_db
def test_an_unknown_address_gets_the_page_for_it(client):
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_gets_the_page_for_it(user):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(reverse("account_login"), {"login": "a@example.org", "password": "x"})
    assert answer.status_code == 403
    assert "This page had been open for too long" in answer.content.decode()


def test_scripts_and_stylesheet_hold_no_address_of_another_site():
    for path in (ROOT / "static").rglob("*"):
        if path.suffix in {".js", ".css"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://(?!www\.w3\.org)", text), path.name
            assert "eval(" not in text, path.name


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio 1 to 21 of two ``#rrggbb`` colours, WCAG 2.2."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tokens(scheme: str) -> dict[str, str]:
    css = (ROOT / "static" / "base" / "base.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root {(.*?)}", css, re.DOTALL)[:2]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "grounds", "least"),
    [
        ("ink", ["ground", "surface", "surface-2"], 12),
        ("ink-2", ["ground", "surface", "surface-2"], 5.5),
        ("on-accent", ["accent", "accent-strong"], 5.5),
        ("accent-strong", ["ground", "surface"], 6),
        ("warn-ink", ["warn-soft"], 6),
        ("bad-ink", ["bad-soft", "surface"], 6),
        ("good", ["surface"], 6),
        ("line-strong", ["ground", "surface"], 3),
        ("focus", ["ground", "surface"], 4.5),
    ],
)
def test_colours_can_be_told_apart_in_sunlight(scheme, ink, grounds, least):
    named = tokens(scheme)
    for ground in grounds:
        assert contrast(named[ink], named[ground]) >= least, f"{ink} on {ground}"


def render(template: str, context: dict[str, Any], user: Any) -> str:
    request = RequestFactory().get("/")
    request.user = user
    return render_to_string(template, context, request=request)


@pytest.mark.django_db
def test_a_refused_upload_says_why_and_leads_back(user):
    error = IntakeError("not_a_photo")
    page = render("media/upload_error.html", {"error": error, "next": "/studio/?target=1"}, user)
    assert "This is not a photo in a format that can be opened here. JPEG, PNG" in page
    assert 'href="/studio/?target=1"' in page


@pytest.mark.django_db
def test_a_result_shows_its_figures_and_admits_what_it_cannot_judge(
    client_for, user, photo_factory
):
    from faceweb.media.details import Details
    from faceweb.media.models import Asset, Lineage
    from models.engines import Notice
    from swaps.made import ChangedFace, SwapFigures

    target, source = photo_factory(user), photo_factory(user)
    face = ChangedFace(
        0, str(source.pk), 0, similarity_to_source=0.62, notices=(Notice("yaw_differs"),)
    )
    made = photo_factory(
        user,
        origin=Asset.Origin.RESULT,
        made_by="swap",
        making=Details(
            "classic",
            timings_ms={"warp": 101.2},
            own=SwapFigures(1, (face,)).to_dict(),
        ).to_dict(),
    )
    Lineage.objects.create(child=made, parent=target, role=Lineage.Role.TARGET)
    page = client_for(user).get(made.get_absolute_url()).content.decode()
    assert "AI-edited" in page
    assert "data-compare" in page
    assert "<dd>Classic</dd>" in page
    assert "0.62" in page
    assert "Unsure" in page
    assert "The two faces look in rather different directions" in page
    assert "101 ms" in page
    assert f"{reverse('studio')}?target={made.pk}" in page
    upload = client_for(user).get(target.get_absolute_url()).content.decode()
    assert "AI-edited" not in upload
    assert "data-compare" not in upload


@pytest.mark.django_db
def test_a_failed_job_leads_back_to_the_studio_as_it_was(client_for, user, photo_factory):
    target, source = photo_factory(user), photo_factory(user)
    job = Job.objects.create(
        owner=user,
        kind="swap",
        state=Job.State.FAILED,
        error_code="no_face",
        recipe={
            "version": 1,
            "target": str(target.pk),
            "mapping": [{"target_face": 0, "source": str(source.pk), "source_face": 1}],
        },
    )
    page = client_for(user).get(job.get_absolute_url()).content.decode()
    assert "No face was found in one of the photos. Choose a photo" in page
    back = (
        f"{reverse('studio')}?target={target.pk}&amp;source={source.pk}&amp;map-0={source.pk}%3A1"
    )
    assert back in page
    assert "ws-connect" not in page, "nothing is waited for any more"


@pytest.mark.django_db
def test_a_running_job_keeps_its_page_alive_with_and_without_a_script(client_for, user):
    job = Job.objects.create(
        owner=user, kind="swap", recipe={}, state=Job.State.RUNNING, percent=40, version=7
    )
    page = client_for(user).get(job.get_absolute_url()).content.decode()
    assert f'ws-connect="/ws/jobs/{job.pk}/"' in page
    assert f'data-status-url="{reverse("job_status", args=[job.pk])}"' in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert 'data-version="7" data-state="running"' in page
    assert '<progress max="100" value="40"' in page
