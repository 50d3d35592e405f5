"""The moderators' panel: what of moderation is behind /admin/."""

from faceweb.moderation.admin import audit, cases, records  # noqa: F401
