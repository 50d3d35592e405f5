"""Smile and age: edits of one face that leave it the same person's.

:mod:`editing.guard` decides how much of an edit may be delivered, :mod:`editing.engines` holds the
ways to make one.
"""

import models  # noqa: F401 - first of all: it switches reports of libraries off
