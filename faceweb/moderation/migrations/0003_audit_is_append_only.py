"""The database itself refuses to change or remove a row of the audit log.

SQLite loses triggers when a later migration makes the table anew: such a migration has to call
`protect` again.
"""

from django.db import migrations

SQLITE = [
    """
    CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON moderation_auditentry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON moderation_auditentry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER IF EXISTS audit_refuses_update",
    "DROP TRIGGER IF EXISTS audit_refuses_delete",
]
POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION moderation_audit_refuse() RETURNS trigger AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
    END
    $$ LANGUAGE plpgsql
    """,
    """
    CREATE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE ON moderation_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION moderation_audit_refuse()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER IF EXISTS audit_refuses_change ON moderation_auditentry",
    "DROP FUNCTION IF EXISTS moderation_audit_refuse()",
]


def protect(apps, schema_editor):
    _run(schema_editor, {"sqlite": SQLITE, "postgresql": POSTGRESQL})


def unprotect(apps, schema_editor):
    _run(schema_editor, {"sqlite": SQLITE_BACK, "postgresql": POSTGRESQL_BACK})


def _run(schema_editor, statements):
    for statement in statements[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("moderation", "0002_initial")]
    operations = [migrations.RunPython(protect, unprotect)]
