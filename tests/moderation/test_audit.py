"""The audit log: complete, searchable, and changed by nobody."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from faceweb.moderation.audit import audit_export, audit_search, audit_write
from faceweb.moderation.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(user):
    return audit_write(actor=user, action="case.dismiss", reason="allowed", note="=1+1")


def refused(change):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change()


def test_the_database_refuses_to_change_a_row(entry):
    refused(lambda: AuditEntry.objects.filter(pk=entry.pk).update(reason="other"))
    entry.reason = "other"
    refused(entry.save)
    refused(lambda: _execute("UPDATE moderation_auditentry SET reason = 'other'"))
    assert AuditEntry.objects.get().reason == "allowed"


def test_the_database_refuses_to_remove_a_row(entry):
    refused(entry.delete)
    refused(AuditEntry.objects.all().delete)
    refused(lambda: _execute("DELETE FROM moderation_auditentry"))
    assert AuditEntry.objects.count() == 1


def test_who_it_was_stays_when_the_person_goes(entry, user):
    person = user.pk
    user.delete()
    kept = AuditEntry.objects.get()
    assert kept.actor_id == person
    assert str(person) in kept.actor


@pytest.mark.django_db(transaction=True)
def test_the_guard_holds_after_the_tables_were_emptied_between_tests():
    audit_write(actor=None, action="test.one")
    refused(AuditEntry.objects.all().delete)


@pytest.mark.django_db(transaction=True)
def test_and_nothing_is_left_of_the_test_before():
    assert not AuditEntry.objects.exists()
    audit_write(actor=None, action="test.two")
    refused(lambda: _execute("DELETE FROM moderation_auditentry"))


def test_search(user, other_user, time_machine):
    start = timezone.now()
    audit_write(actor=user, action="case.dismiss", reason="allowed")
    time_machine.move_to(start + timedelta(days=1))
    audit_write(actor=other_user, action="case.delete", target=user, reason="minor")
    audit_write(actor=None, action="photo.withhold")

    def found(**wanted):
        return [row.action for row in audit_search(**wanted).order_by("pk")]

    assert found() == ["case.dismiss", "case.delete", "photo.withhold"]
    assert found(text="MINOR") == ["case.delete"]
    assert found(text=str(user.pk)) == ["case.dismiss", "case.delete"]
    assert found(actor_id=other_user.pk) == ["case.delete"]
    assert found(action="case.") == ["case.dismiss", "case.delete"]
    assert found(until=start + timedelta(hours=1)) == ["case.dismiss"]
    assert found(since=start + timedelta(hours=1)) == ["case.delete", "photo.withhold"]


def test_export_is_complete_and_is_noted_itself(entry, user):
    lines = list(audit_export(entries=audit_search(), by=user, form="jsonl"))
    [row] = [json.loads(line) for line in lines]
    assert row["action"] == "case.dismiss"
    assert row["details"] == {"note": "=1+1"}
    assert AuditEntry.objects.filter(action="audit.export", actor_id=user.pk).count() == 1


def test_a_spreadsheet_finds_no_formula(user):
    AuditEntry.objects.create(actor="=cmd()", action="x", details={"a": 'quote " and, comma'})
    text = "".join(audit_export(entries=audit_search(), by=user, form="csv"))
    [row] = csv.DictReader(io.StringIO(text))
    assert row["actor"] == "'=cmd()"
    assert json.loads(row["details"]) == {"a": 'quote " and, comma'}


def _execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
