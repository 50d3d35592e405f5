"""One face onto another: what was asked for, whether it can be done, and the doing."""

import models  # noqa: F401 - first of all: it switches reports of libraries off
