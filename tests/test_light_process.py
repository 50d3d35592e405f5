"""A web process and the operator's commands do without vision, and a web process is small."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from models.store import Manifest
from models.store.files import sha256_of
from tests.builtin_networks import BUILTIN_FILES
from tests.stack import free_port

ROOT = Path(__file__).resolve().parent.parent
VISION = ("cv2", "dlib", "insightface", "onnxruntime")
# Before its first request, in megabytes.
WEB_MB = 115

# Whoever asks for one of these fails, as where it is not installed or cannot be loaded.
WITHOUT = """
import sys
class Refuse:
    asked = []
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            self.asked.append(name)
            raise ImportError(name + " cannot be loaded here")
sys.meta_path.insert(0, Refuse())
"""

PAGES = """
import django
from django.conf import settings
settings.ALLOWED_HOSTS = ["*"]
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from faceweb.people.models import User
user = User.objects.create_user("somebody@example.org", "a long password")
client = Client()
for name in ("landing", "account_login", "verify", "takedown", "protect_face", "healthz"):
    assert client.get(reverse(name)).status_code == 200, name
client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
for name in ("studio", "photos", "jobs", "profile", "links", "standing"):
    assert client.get(reverse(name), follow=True).status_code == 200, name
admin = User.objects.create_superuser("admin@example.org", "a long password")
loaded = sorted(name for name in {names!r} if name in sys.modules)
assert loaded == [], loaded
print("ALL WELL")
"""


def alone(
    code: str, tmp_path: Path, names: tuple[str, ...] = VISION
) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own where none of ``names`` can be imported."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FACEWEB_")}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.replace("{names!r}", repr(set(names))) + code],
        cwd=ROOT,
        env={
            **inherited,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "faceweb.settings",
            "FACEWEB_DEBUG": "true",
            "FACEWEB_DATA_DIR": str(tmp_path),
            "FACEWEB_REDIS_URL": "redis://127.0.0.1:1",
            # One that works: what is looked at here is not what a missing database does.
            "FACEWEB_DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        },
        capture_output=True,
        text=True,
        timeout=180,
    )


STUDIO = """
import json
import sys
from pathlib import Path
import django
from django.conf import settings
settings.ALLOWED_HOSTS = ["*"]
settings.SECURE_SSL_REDIRECT = False
settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
from django.urls import reverse
from faceweb.people.models import User
client = Client()
user = User.objects.create_user("somebody@example.org", "a long password")
client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
page = client.get(reverse("studio"))
assert page.status_code == 200
assert client.get(reverse("studio") + "?target=x").status_code == 200
from editing.choice import editor_choice
from swaps.choice import engine_choice
print(engine_choice().spec.name, editor_choice().spec.name)
"""


def test_a_studio_page_chooses_its_engine_without_numpy(tmp_path: Path) -> None:
    done = alone(STUDIO, tmp_path, (*VISION, "numpy", "scipy", "skimage", "onnx", "c2pa"))
    assert done.stdout.split() == ["classic", "classic"], done.stderr[-3000:]


def test_built_in_networks_are_found_without_numpy(tmp_path: Path, builtin_networks: Path) -> None:
    """Their files are read through and checked, which is more than an empty folder asks for."""
    for card, name in BUILTIN_FILES.items():
        folder = tmp_path / "weights" / card
        folder.mkdir(parents=True)
        shutil.copyfile(builtin_networks / name, folder / name)
        pinned = Manifest.read().card(card).file(name).sha256
        if sha256_of(folder / name) != pinned:
            pytest.skip(f"{name} is not the pinned one (manage.py models fetch)")
    done = alone(STUDIO, tmp_path, (*VISION, "numpy", "scipy", "skimage", "onnx", "c2pa"))
    assert done.stdout.split() == ["builtin", "builtin"], done.stderr[-3000:]


def test_a_web_process_starts_without_vision_and_loads_no_numpy(tmp_path: Path) -> None:
    code = (
        "import faceweb.asgi\n"
        "from django.urls import get_resolver\n"
        "assert get_resolver().reverse_dict\n"
        "print('STARTED')\n"
    )
    done = alone(code, tmp_path, (*VISION, "numpy", "scipy", "skimage", "onnx", "c2pa"))
    assert done.stdout.strip() == "STARTED", done.stderr


def test_pages_are_shown_where_vision_cannot_be_loaded(tmp_path: Path) -> None:
    code = PAGES.replace("{names!r}", repr(VISION))
    settings = (
        "from django.conf import settings\n"
        "memory = 'django.core.cache.backends.locmem.LocMemCache'\n"
        "settings.CACHES = {'default': {'BACKEND': memory}}\n"
        "settings.SECURE_SSL_REDIRECT = False\n"
    )
    done = alone(settings + code, tmp_path)
    assert "ALL WELL" in done.stdout, done.stderr[-3000:]


def test_every_address_works_where_vision_cannot_be_loaded(tmp_path: Path) -> None:
    """A process with vision fills a site, as workers do; one without it answers for all of it."""
    folder = f"pathlib.Path({str(tmp_path)!r})"
    begin = "import django, pathlib\ndjango.setup()\nfrom tests import light_web, light_worker\n"
    filled = alone(f"{begin}light_worker.site_make({folder})\n", tmp_path, ())
    assert filled.returncode == 0, filled.stderr[-3000:]
    # Nobody even tries, and then does without.
    walk = f"light_web.walk({folder}, {VISION!r})\nassert Refuse.asked == [], Refuse.asked\n"
    walked = alone(f"{begin}{walk}print('ALL WELL')\n", tmp_path)
    assert walked.stdout.strip().endswith("ALL WELL"), walked.stderr[-3000:]


@pytest.mark.parametrize("command", [("check",), ("doctor",), ("models", "list")])
def test_commands_work_where_vision_cannot_be_loaded(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        "from django.core.management import execute_from_command_line\n"
        f"execute_from_command_line(['manage.py', *{command!r}])\n"
    )
    done = alone(code, tmp_path)
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert done.stdout.strip(), done.stderr[-3000:]
    # Doctor fails where something is broken, and here the networks' runtime is.
    assert done.returncode in ({0, 1} if command == ("doctor",) else {0})


def test_a_web_process_is_small_before_its_first_request(tmp_path: Path) -> None:
    port = free_port()
    web = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "faceweb.asgi:application", "--port", str(port)],
        cwd=ROOT,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("FACEWEB_")},
            "MALLOC_ARENA_MAX": "2",
            "FACEWEB_DATA_DIR": str(tmp_path),
            "FACEWEB_SECRET_KEY": "tests-only-" + "x" * 50,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not _listens(web.pid, port):
            assert web.poll() is None, web.stdout and web.stdout.read()
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.1)
        megabytes = psutil.Process(web.pid).memory_info().rss / 1e6
    finally:
        web.kill()
        web.wait()
    assert megabytes <= WEB_MB


def _listens(pid: int, port: int) -> bool:
    return any(
        connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        for connection in psutil.Process(pid).net_connections("tcp")
    )
