"""The signing key: made once, shared, renewed, checked; nothing of it leaks."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography import x509
from django.core.management import CommandError, call_command
from django.urls import reverse

from faceweb.marks import keys
from faceweb.marks.checks import signing_key_is_valid
from faceweb.media.errors import MarkingError
from faceweb.media.models import Asset
from tests.conftest import manage_alone
from tests.marks.conftest import content_of, manifest_store
from tests.media.conftest import store_result


@pytest.fixture
def folder(settings: Any) -> Path:
    return Path(settings.PROVENANCE_DIR)


def found() -> list[str]:
    return [str(message.id) for message in signing_key_is_valid()]


def test_it_is_made_at_first_need_and_kept(folder: Path) -> None:
    assert keys.will_be_made()
    assert found() == []
    identity = keys.identity_load()
    assert not keys.will_be_made()
    assert keys.identity_load() == identity
    assert identity.algorithm == "es256"
    assert identity.not_after - datetime.now(UTC) > timedelta(days=19 * 365)
    assert keys.roots_load() == [identity.root]


def test_only_its_owner_may_read_it(folder: Path) -> None:
    keys.identity_init()
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "authority.pem": 0o600,
        "signer.pem": 0o600,
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    identity = keys.identity_load()
    assert "PRIVATE" not in repr(identity)
    assert "PRIVATE" not in identity.chain + "".join(keys.roots_load())


def test_two_processes_at_once_make_one_root(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(
                lambda _: manage_alone("provenance", "init", data_dir=tmp_path / "site"), range(2)
            )
        )
    assert [process.returncode for process in done] == [0, 0]
    roots = {
        line for process in done for line in process.stdout.splitlines() if line.startswith("root")
    }
    assert len(roots) == 1
    assert sorted(path.name for path in (tmp_path / "site" / "provenance").iterdir()) == [
        "authority.pem",
        "signer.pem",
    ]


def test_threads_at_once_make_one_root(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        identities = list(pool.map(lambda _: keys.identity_load(), range(16)))
    assert len({identity.root for identity in identities}) == 1
    assert len({identity.chain for identity in identities}) == 1


def test_an_init_that_broke_off_is_finished(folder: Path) -> None:
    keys.identity_init()
    root = keys.identity_load().root
    (folder / "signer.pem").unlink()
    assert keys.identity_load().root == root


def test_renewal_keeps_the_root_and_takes_effect_at_once(folder: Path) -> None:
    before = keys.identity_load()
    keys.identity_renew()
    after = keys.identity_load()
    assert after.chain != before.chain
    assert after.root == before.root
    assert keys.roots_load() == [before.root]


def test_a_new_root_keeps_the_old_ones(folder: Path) -> None:
    roots = [keys.identity_load().root]
    for _ in range(2):
        keys.identity_renew(new_root=True)
        roots.insert(0, keys.identity_load().root)
    assert keys.roots_load() == roots


def test_a_root_near_its_end_is_replaced(folder: Path) -> None:
    before = keys.identity_load()
    with time_machine.travel(datetime.now(UTC) + keys.ROOT_LIFE - timedelta(days=100)):
        keys.identity_renew()
        after = keys.identity_load()
        assert after.root != before.root
        after.check_valid()
        assert len(keys.roots_load()) == 2


@pytest.mark.django_db
def test_old_pictures_verify_after_a_new_root(result: Asset) -> None:
    keys.identity_renew(new_root=True)
    assert manifest_store(content_of(result))["validation_state"] == "Trusted"


@pytest.mark.django_db
def test_an_expired_certificate_means_no_result(
    user: Any, result: Asset, portrait: Any, published: Any
) -> None:
    with time_machine.travel(datetime.now(UTC) + keys.LEAF_LIFE + timedelta(days=1)):
        with pytest.raises(MarkingError):
            store_result(user, result, image=portrait)
        # Signing itself goes by the machine's real clock, so what is new is only judged here.
        keys.identity_renew()
        keys.identity_load().check_valid()


@pytest.mark.parametrize(
    ("days_left", "messages"), [(31, []), (29, ["marks.W001"]), (-1, ["marks.E003"])]
)
def test_the_check_warns_a_month_ahead(days_left: int, messages: list[str], folder: Path) -> None:
    end = keys.identity_load().not_after
    with time_machine.travel(end - timedelta(days=days_left)):
        assert found() == messages


def test_the_check_finds_what_is_missing(folder: Path, settings: Any) -> None:
    settings.PROVENANCE_AUTO_INIT = False
    assert found() == ["marks.E001"]
    settings.PROVENANCE_KEY = "a key alone"
    assert found() == ["marks.E001"]
    settings.PROVENANCE_CERT = "not a certificate"
    assert found() == ["marks.E002"]


def test_a_key_that_fits_another_certificate_is_refused(folder: Path, settings: Any) -> None:
    keys.identity_init()
    first = (folder / "signer.pem").read_text()
    keys.identity_renew()
    second = (folder / "signer.pem").read_text()
    settings.PROVENANCE_CERT, settings.PROVENANCE_KEY = first, second
    assert found() == ["marks.E002"]
    with pytest.raises(keys.KeysError, match="does not belong") as refused:
        keys.identity_load()
    assert "PRIVATE" not in str(refused.value)
    settings.PROVENANCE_KEY = first
    assert found() == []


def test_a_certificate_alone_is_no_chain(folder: Path, settings: Any) -> None:
    keys.identity_init()
    text = (folder / "signer.pem").read_text()
    begin = text.index("-----BEGIN CERTIFICATE")
    end = text.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
    settings.PROVENANCE_CERT, settings.PROVENANCE_KEY = text[begin:end], text
    with pytest.raises(keys.KeysError, match="chain"):
        keys.identity_load()


@pytest.mark.django_db
def test_an_operators_own_certificate_signs(
    user: Any,
    upload: Asset,
    portrait: Any,
    published: Any,
    passing_screener: Any,
    settings: Any,
    folder: Path,
) -> None:
    keys.identity_init()
    text = (folder / "signer.pem").read_text()
    for path in list(folder.iterdir()):
        path.unlink()
    settings.PROVENANCE_AUTO_INIT = False
    settings.PROVENANCE_CERT = settings.PROVENANCE_KEY = text
    result = store_result(user, upload, image=portrait)
    assert manifest_store(content_of(result))["validation_state"] == "Trusted"
    with pytest.raises(CommandError):
        call_command("provenance", "renew")


def test_the_roots_are_public_and_nothing_else(client: Any, db: None) -> None:
    keys.identity_load()
    keys.identity_renew(new_root=True)
    response = client.get("/.well-known/c2pa-root.pem")
    assert reverse("root_certificates") == "/.well-known/c2pa-root.pem"
    assert response.status_code == 200
    assert b"PRIVATE" not in response.content
    certificates = x509.load_pem_x509_certificates(response.content)
    assert len(certificates) == 2
    for certificate in certificates:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.value.ca


def test_the_command_says_what_signs(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    call_command("provenance", "init")
    call_command("provenance", "init")
    call_command("provenance", "renew", "--new-root")
    call_command("provenance", "status")
    said = capsys.readouterr().out
    assert "nothing was made" in said
    assert "former root" in said
    assert keys.root_fingerprint(keys.identity_load().root) in said
    assert "PRIVATE" not in said


def test_status_fails_where_nothing_can_sign(settings: Any, folder: Path) -> None:
    settings.PROVENANCE_AUTO_INIT = False
    with pytest.raises(CommandError, match="no signing key"):
        call_command("provenance", "status")


def test_openssl_accepts_the_chain(folder: Path, tmp_path: Path) -> None:
    identity = keys.identity_load()
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(identity.chain)
    root = tmp_path / "root.pem"
    root.write_text(identity.root)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(root), str(leaf)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert done.returncode == 0, done.stderr
