"""Settings come in through readers that say what is wrong without saying what was given."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from faceweb import env


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch):
    return lambda name, value: monkeypatch.setenv(f"FACEWEB_{name}", value)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)]
)
def test_booleans_in_their_usual_spellings(setenv, text, value):
    setenv("FLAG", text)
    assert env.get_bool("FLAG", not value) is value


def test_a_boolean_that_is_neither_names_the_variable_but_not_its_content(setenv):
    setenv("FLAG", "s3cret")
    with pytest.raises(ImproperlyConfigured, match="FACEWEB_FLAG") as caught:
        env.get_bool("FLAG", True)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["x", "1.5", "0", "11"])
def test_numbers_keep_to_their_range(setenv, text):
    setenv("COUNT", text)
    with pytest.raises(ImproperlyConfigured, match="FACEWEB_COUNT"):
        env.get_int("COUNT", 5, minimum=1, maximum=10)


def test_an_empty_variable_counts_as_unset(setenv):
    setenv("COUNT", "")
    assert env.get_int("COUNT", 5) == 5


def test_lists_drop_blanks(setenv):
    setenv("HOSTS", " a, ,b,")
    assert env.get_list("HOSTS") == ["a", "b"]


def test_a_choice_must_be_one_of_them(setenv):
    setenv("ENGINE_X", "fast")
    with pytest.raises(ImproperlyConfigured, match="auto, classic"):
        env.get_choice("ENGINE_X", ["auto", "classic"], "auto")


def test_secrets_may_come_from_a_file(setenv, tmp_path):
    (tmp_path / "pw").write_text("from-file\n")
    setenv("PASSWORD_FILE", str(tmp_path / "pw"))
    assert env.get_str("PASSWORD") == "from-file"


def test_an_unreadable_secret_file_is_an_error(setenv, tmp_path):
    setenv("PASSWORD_FILE", str(tmp_path / "missing"))
    with pytest.raises(ImproperlyConfigured, match="PASSWORD_FILE"):
        env.get_str("PASSWORD")


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    kept = tmp_path / "var" / "secret_key"
    first = env.get_secret_key("KEY_X", keep_in=kept)
    assert len(first) >= 50
    assert env.get_secret_key("KEY_X", keep_in=kept) == first
    assert kept.stat().st_mode & 0o077 == 0
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


def test_sqlite_waits_for_its_writer_and_uses_a_write_ahead_log():
    database = env.get_database("DB_X", "sqlite:////data/faceweb.sqlite3")
    assert database["NAME"] == "/data/faceweb.sqlite3"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert database["OPTIONS"]["timeout"] >= 20
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_postgresql_address_is_taken_apart(setenv):
    setenv("DB_X", "postgresql://me:p%40ss@db.example:5433/faces?sslmode=require")
    database = env.get_database("DB_X", "")
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["USER"], database["PASSWORD"]) == ("me", "p@ss")
    assert (database["HOST"], database["PORT"], database["NAME"]) == (
        "db.example",
        "5433",
        "faces",
    )
    assert database["OPTIONS"] == {"sslmode": "require"}


def test_other_databases_are_refused(setenv):
    setenv("DB_X", "mysql://localhost/x")
    with pytest.raises(ImproperlyConfigured, match="DB_X"):
        env.get_database("DB_X", "")


def test_redis_addresses_in_the_spelling_of_each_client():
    assert env.redis_url_for_celery("unix:///run/r.sock", 0) == (
        "redis+socket:///run/r.sock?virtual_host=0"
    )
    assert env.redis_url_for_client("unix:///run/r.sock", 2) == "unix:///run/r.sock?db=2"
    assert env.redis_url_for_client("redis://h:6379", 1) == "redis://h:6379/1"


def test_paths_become_absolute(setenv):
    setenv("DIR_X", "~/data")
    assert env.get_path("DIR_X", Path()) == Path.home() / "data"
