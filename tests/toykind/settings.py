"""The site with one more kind of work."""

from faceweb.settings import *  # noqa: F403 - settings are what they are all imported for
from faceweb.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "tests.toykind"]
