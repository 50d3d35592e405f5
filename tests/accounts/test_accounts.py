"""Signing up, in and out: no names needed, no hints given."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def mandatory_verification(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def sign_up(client: Client, email: str):
    return client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD})


def test_a_person_signs_up_with_an_email_and_a_password_and_lands_in_the_studio(client, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    response = sign_up(client, "New@Example.org")
    assert response.status_code == 302
    assert response["Location"] == reverse("studio")
    assert get_user_model().objects.get().email == "new@example.org"


def test_sign_in_finds_the_address_in_any_case(client, user):
    response = client.post(
        reverse("account_login"), {"login": "OLIVE@example.org", "password": PASSWORD}
    )
    assert response.status_code == 302
    assert client.get(reverse("profile")).status_code == 200


def test_sign_out_needs_a_post(client_for, user):
    client = client_for(user)
    client.get(reverse("account_logout"))
    assert client.get(reverse("profile")).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(reverse("profile")).status_code == 302


def normal(response) -> tuple[int, str, bytes]:
    """A response without what differs by chance."""
    token = rb'name="csrfmiddlewaretoken" value="[^"]+"|"X-CSRFToken": ?"[^"]+"'
    body = re.sub(token, b"", response.content)
    return response.status_code, response.get("Location", ""), body


def test_signing_up_with_a_known_address_looks_like_signing_up(user, mandatory_verification):
    known = sign_up(Client(), user.email)
    unknown = sign_up(Client(), "nobody@example.org")
    assert normal(known) == normal(unknown)
    assert [message.to for message in mail.outbox] == [[user.email], ["nobody@example.org"]]
    assert "/confirm-email/" not in mail.outbox[0].body
    assert "/confirm-email/" in mail.outbox[1].body


def test_asking_for_a_password_reset_never_says_whether_the_address_is_known(user):
    answers = [
        normal(Client().post(reverse("account_reset_password"), {"email": email}))
        for email in (user.email, "nobody@example.org")
    ]
    assert answers[0] == answers[1]


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(user):
    def attempt(email):
        response = Client().post(
            reverse("account_login"), {"login": email, "password": "wrong password"}
        )
        return normal(response)[0], response.context["form"].errors

    assert attempt(user.email) == attempt("nobody@example.org")


def test_reset_links_carry_the_configured_address_whatever_the_host_header_says(
    client, user, settings
):
    settings.PUBLIC_BASE_URL = "https://faces.example.org"
    settings.ALLOWED_HOSTS = ["*"]
    client.post(
        reverse("account_reset_password"), {"email": user.email}, headers={"host": "evil.example"}
    )
    (message,) = mail.outbox
    assert "https://faces.example.org/accounts/" in message.body
    assert "evil.example" not in message.body


def test_the_reset_link_changes_the_password(client, user):
    client.post(reverse("account_reset_password"), {"email": user.email})
    link = re.search(r"http\S+/password/reset/key/\S+", str(mail.outbox[0].body))
    assert link
    path = "/" + link.group().split("/", 3)[3]
    form = client.get(path, follow=True)
    changed = client.post(
        form.request["PATH_INFO"],
        {"password1": "a new long password", "password2": "a new long password"},
    )
    assert changed.status_code == 302
    user.refresh_from_db()
    assert user.check_password("a new long password")


def test_guessing_passwords_is_stopped(client, user):
    for _ in range(5):
        client.post(reverse("account_login"), {"login": user.email, "password": "wrong password"})
    response = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert response.status_code == 200, "even the right password waits now"
    assert "too many" in str(response.context["form"].errors).lower()


@pytest.mark.parametrize("password", ["short", "password123", "olive@example.org"])
def test_weak_passwords_are_refused(client, password):
    client.post(reverse("account_signup"), {"email": "olive@example.org", "password1": password})
    assert not get_user_model().objects.exists()


def test_an_operator_can_close_sign_up(client, settings):
    settings.SIGNUP_OPEN = False
    sign_up(client, "new@example.org")
    assert not get_user_model().objects.exists()


def test_staff_sign_in_on_the_page_that_has_the_rate_limits(client):
    response = client.get(reverse("admin:index"), follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_createsuperuser_makes_somebody_who_can_use_the_panel(client_for, db):
    from django.core.management import call_command

    call_command("createsuperuser", email="Root@example.org", interactive=False)
    root = get_user_model().objects.get(email="root@example.org")
    assert client_for(root).get(reverse("admin:people_user_changelist")).status_code == 200
