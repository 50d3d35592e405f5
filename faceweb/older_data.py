"""Whether a database was made by a faceweb from before its tables had their present shape."""

from typing import Final

from django.db import connection

# Tables of the first version, which no later one has; what they held cannot be carried over.
_OLD_TABLES: Final = frozenset({"gallery_photo", "jobs_job"})


def is_older() -> bool:
    """Whether the database holds tables that this version cannot read."""
    return not _OLD_TABLES.isdisjoint(connection.introspection.table_names())
