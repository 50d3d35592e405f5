"""Staff reach nothing of the panel without a second factor; the site stays as strict as ever."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from faceweb.moderation.panel_checks import staff_use_a_second_factor
from tests.moderation.deciding import lead, mod

__all__ = ["lead", "mod"]

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def every_panel_address() -> list[str]:
    """Each address below /admin/, with made-up arguments that its converters take."""
    samples = {
        "UUIDConverter": "00000000-0000-4000-8000-000000000000",
        "IntConverter": "1",
        "StringConverter": "x",
        "PathConverter": "x",
        "SlugConverter": "x",
    }

    def walk(patterns: list[Any], before: str) -> list[str]:
        found = []
        for pattern in patterns:
            route = str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                found += walk(pattern.url_patterns, before + route)
            elif isinstance(pattern, URLPattern):
                for name, converter in pattern.pattern.converters.items():
                    sample = samples[type(converter).__name__]
                    for prefix in ("uuid:", "int:", "str:", "path:", "slug:", ""):
                        route = route.replace(f"<{prefix}{name}>", sample)
                found.append(before + route)
        return found

    known = walk(django_admin.site.get_urls(), "/admin/")
    # The last one is a regular expression that takes whatever is left.
    return sorted({url for url in known if "(" not in url} | {"/admin/no/such/page"})


def code(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_every_address_of_the_panel_leads_to_setting_one_up(mod: Any, client_for: Any) -> None:
    client = client_for(mod, second_factor=False)
    addresses = every_panel_address()
    assert len(addresses) > 60
    for url in addresses:
        if url == reverse("admin:logout"):
            continue
        for method in ("get", "post"):
            response = getattr(client, method)(url)
            assert response.status_code == 302, url
            assert response["Location"] == reverse("mfa_activate_totp"), url


def test_a_session_that_never_used_it_is_asked_for_it(mod: Any, client_for: Any) -> None:
    client_for(mod)
    stolen = client_for(mod, second_factor=False)
    response = stolen.get(reverse("admin:index"))
    assert response["Location"] == f"{reverse('mfa_reauthenticate')}?next=%2Fadmin%2F"


def test_signing_out_is_always_possible(mod: Any, client_for: Any) -> None:
    assert client_for(mod, second_factor=False).post(reverse("admin:logout")).status_code == 200


def test_who_is_no_staff_is_not_led_anywhere(user: Any, client_for: Any) -> None:
    response = client_for(user).get(reverse("admin:index"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))


@pytest.mark.django_db(transaction=True)
def test_the_way_from_a_password_to_the_panel(mod: Any, published: Any) -> None:
    """Only by following what the pages say; the second time a code is asked for at the door."""
    client = Client()
    form = {"login": mod.email, "password": PASSWORD}
    response = client.post(reverse("account_login"), {**form, "next": "/admin/"}, follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("account_reauthenticate"))
    confirmed = {"password": PASSWORD, "next": reverse("mfa_activate_totp")}
    page = client.post(reverse("account_reauthenticate"), confirmed, follow=True)
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    assert "data:image/svg+xml;base64," in page.content.decode()

    wrong = client.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert wrong.status_code == 200
    assert secret in wrong.content.decode()
    codes = client.post(reverse("mfa_activate_totp"), {"code": code(secret)}, follow=True)
    assert codes.resolver_match.url_name == "mfa_view_recovery_codes"
    assert reverse("admin:index") in codes.content.decode()
    assert client.get(reverse("admin:index")).status_code == 200

    kept = Authenticator.objects.get(user=mod, type=Authenticator.Type.TOTP)
    assert secret not in str(kept.data)

    again = Client()
    door = again.post(reverse("account_login"), {**form, "next": "/admin/"}, follow=True)
    assert door.resolver_match.url_name == "mfa_authenticate"
    assert again.get(reverse("admin:index")).status_code == 302
    recovery = codes.context["unused_codes"][0]
    inside = again.post(reverse("mfa_authenticate"), {"code": recovery}, follow=True)
    assert inside.resolver_match.view_name == "admin:index"


def test_the_pages_are_the_sites_own(mod: Any, client_for: Any) -> None:
    client = client_for(mod)
    page = client.get(reverse("mfa_index")).content.decode()
    assert "site-head" in page
    assert reverse("mfa_deactivate_totp") in page
    assert reverse("mfa_index") in client.get(reverse("profile")).content.decode()


def test_a_developer_may_do_without_and_is_told(mod: Any, client_for: Any, settings: Any) -> None:
    assert staff_use_a_second_factor() == []
    settings.STAFF_MFA = False
    assert [found.id for found in staff_use_a_second_factor()] == ["moderation.E010"]
    settings.DEBUG = True
    assert [found.id for found in staff_use_a_second_factor()] == ["moderation.W010"]
    client = client_for(mod, second_factor=False)
    assert client.get(reverse("admin:index")).status_code == 200


def policy(response: Any) -> dict[str, list[str]]:
    parts = (part.split() for part in response["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in parts}


def test_the_panel_alone_is_allowed_what_its_menus_need(mod: Any, client_for: Any) -> None:
    client = client_for(mod)
    strict = policy(client.get(reverse("profile")))
    panel = policy(client.get(reverse("admin:index")))
    assert strict["script-src"] == ["'self'"]
    assert strict["style-src"] == ["'self'"]
    assert "style-src-attr" not in strict
    assert panel.pop("style-src-attr") == ["'unsafe-inline'"]
    assert set(panel.pop("script-src")) == {"'self'", "'unsafe-eval'"}
    assert {**panel, "script-src": ["'self'"]} == strict
    for page in ("account_login", "mfa_index", "landing"):
        assert policy(client.get(reverse(page)))["script-src"] == ["'self'"], page


def test_a_lead_without_a_phone_gets_a_new_start_from_an_admin(
    lead: Any, moderator: Any, client_for: Any
) -> None:
    client_for(lead)
    form = {"action": "forget_second_factor", "_selected_action": [str(lead.pk)]}
    client_for(moderator).post(reverse("admin:people_user_changelist"), form)
    assert not Authenticator.objects.filter(user=lead).exists()


def test_with_another_secret_key_no_code_opens_the_door(mod: Any, settings: Any) -> None:
    secret = generate_totp_secret()
    TOTP.activate(mod, secret)
    before = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another " * 8, [before]
    assert TOTP(Authenticator.objects.get(user=mod)).validate_code(code(secret))
    settings.SECRET_KEY_FALLBACKS = []
    assert not TOTP(Authenticator.objects.get(user=mod)).validate_code(code(secret))
