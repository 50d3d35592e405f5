"""Fixtures for every test: people by role, photos, a media folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builtin_networks import BUILTIN_FILES, BUILTIN_WEIGHTS

os.environ.setdefault("FACEWEB_DEBUG", "false")
os.environ.setdefault("FACEWEB_SECRET_KEY", "tests-only-" + "x" * 50)

pytest_plugins = ["tests.stack"]

ROOT = Path(__file__).resolve().parent.parent


def shared_dir(name: str) -> Path:
    """A folder of test data beside the checkout, or a skip that says what is missing."""
    path = Path(os.environ.get("FACEWEB_SHARED", ROOT.parent / "shared")) / name
    if not path.is_dir():
        pytest.skip(f"test data folder '{name}' is not here (FACEWEB_SHARED)")
    return path


def sample_path(name: str) -> Path:
    """One of the two public-domain portraits that come with pip packages."""
    package, inside = {
        "astronaut": ("skimage", "data/astronaut.png"),
        "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    }[name]
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / inside


def manage_alone(*arguments: object, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """A management command in a process of its own, where no database and no Redis answers."""
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "FACEWEB_DATA_DIR": str(data_dir),
            "FACEWEB_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "FACEWEB_REDIS_URL": "redis://127.0.0.1:1",
        },
        check=False,
    )


def stored_face(**changes: Any) -> dict[str, Any]:
    """A frontal, sharp, uncovered face as stored; ``changes`` go to its pose or quality."""
    from models.faces.face import Face, Pose, Quality

    pose = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0}
    quality: dict[str, Any] = {"width_px": 200.0, "sharpness": 12.0, "occlusion": 0.0}
    for name, value in changes.items():
        (pose if name in pose else quality)[name] = value
    circle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    return Face(
        box=np.array([100, 100, 300, 330], np.float32),
        kps=np.array([[160, 180], [240, 180], [200, 230], [170, 280], [230, 280]], np.float32),
        landmarks=np.stack([200 + 90 * np.cos(circle), 215 + 110 * np.sin(circle)], 1).astype(
            np.float32
        ),
        score=1.0,
        pose=Pose(**pose),
        quality=Quality(**quality),
    ).to_dict()


def with_second_factor(client: Any, person: Any) -> None:
    """Give ``person`` an authenticator app, and ``client`` a session that has used it."""
    from allauth.account.internal.flows import login
    from allauth.account.internal.userkit import user_id_to_str
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    if not Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(person, generate_totp_secret())
    session = client.session
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "at": 0}]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = user_id_to_str(person)
    session.save()


@pytest.fixture(autouse=True)
def local_services(settings: Any, tmp_path: Path) -> None:
    """No Redis and no shared disk in ordinary tests: those belong to the `stack` fixture."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "media", "base_url": None},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.DATA_DIR = tmp_path / "data"
    settings.WEIGHTS_DIR = tmp_path / "weights"
    settings.WEIGHTS_BASE_DIR = tmp_path / "image-weights"
    settings.PROVENANCE_DIR = tmp_path / "data" / "provenance"
    settings.PROVENANCE_AUTO_INIT = True
    settings.WHITENOISE_AUTOREFRESH = True
    settings.DISK_FLOOR_MB = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def audit_log_between_tests() -> Iterator[None]:
    """Let tests that commit be cleaned up after.

    They end by emptying every table, on SQLite by DELETE, which the audit log refuses by a trigger;
    for that moment alone the triggers are away. PostgreSQL's TRUNCATE does not ask them.
    """
    operations: Any = import_module("django.db.backends.sqlite3.base").DatabaseOperations
    guard: Any = import_module("faceweb.moderation.migrations.0003_audit_is_append_only")
    empty = operations.sql_flush

    def sql_flush(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
        statements = empty(self, style, tables, **options)
        return [*guard.SQLITE_BACK, *statements, *guard.SQLITE]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", sql_flush)
        yield


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """What was sent to the broker, as (task name, arguments); nothing leaves the process."""
    from celery import Celery

    sent: list[tuple[str, tuple[Any, ...]]] = []

    def send_task(self: Any, name: str, args: Any = None, *_: Any, **options: Any) -> None:
        sent.append((name, tuple(args or ())))

    monkeypatch.setattr(Celery, "send_task", send_task)
    return sent


@pytest.fixture
def passing_screener(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture is cleared, whoever would judge it otherwise: something else is under test."""
    from faceweb.media import screening
    from faceweb.media.models import Asset
    from faceweb.media.screening import Finding

    class PassingScreener:
        def upload_check(self, owner: Any, sha256: str) -> None:
            return None

        def asset_screen(self, photo: Asset, image: np.ndarray, faces: Any) -> Finding:
            return Finding(Asset.Screening.CLEAR, lambda photo: None)

        def asset_give_up(self, photo: Asset) -> None:
            raise AssertionError("it never fails")

        def asset_explain(self, photo: Asset) -> None:
            return None

        def warm_up(self) -> None:
            return None

        def result_screen(self, owner: Any, image: np.ndarray, parents: Any) -> Finding:
            return Finding(Asset.Screening.CLEAR, lambda photo: None)

    monkeypatch.setattr(screening, "_screeners", [PassingScreener()])


@pytest.fixture
def media(settings: Any) -> Path:
    """The folder pictures are kept in during this test."""
    path = Path(settings.MEDIA_ROOT)
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    from allauth.account.models import EmailAddress
    from django.contrib.auth import get_user_model

    def make(email: str, **fields: Any) -> Any:
        person = get_user_model().objects.create_user(email, "correct horse battery", **fields)
        EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)
        return person

    return make


@pytest.fixture
def user(make_user: Callable[..., Any]) -> Any:
    """The owner of things."""
    return make_user("olive@example.org")


@pytest.fixture
def other_user(make_user: Callable[..., Any]) -> Any:
    """A stranger with an account."""
    return make_user("stanley@example.org")


@pytest.fixture
def moderator(make_user: Callable[..., Any]) -> Any:
    """Staff with every permission of the admin panel, yet no owner of anything."""
    return make_user("maud@example.org", is_staff=True, is_superuser=True)


@pytest.fixture
def client_for() -> Callable[[Any], Any]:
    """A CSRF-checking-free test client signed in as the given person (None: anonymous).

    Staff come as the panel wants them: with a second factor, which this session was opened with.
    """
    from django.test import Client

    def make(person: Any, *, second_factor: bool | None = None) -> Client:
        client = Client()
        if person is not None:
            client.force_login(
                person, backend="allauth.account.auth_backends.AuthenticationBackend"
            )
            if person.is_staff if second_factor is None else second_factor:
                with_second_factor(client, person)
        return client

    return make


@pytest.fixture(scope="session")
def builtin_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with yunet, mesh, parser and sface as .onnx, or a skip that says what is missing."""
    from models.networks.yunet import with_free_sides

    made = tmp_path_factory.mktemp("networks")
    own = os.environ.get("FACEWEB_TEST_NETWORKS", "")
    for card, name in BUILTIN_FILES.items():
        places = [ROOT / "models" / "weights" / card, BUILTIN_WEIGHTS / card]
        found = [place / name for place in ([Path(own)] if own else places)]
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            pytest.skip(f"the built-in network {name} is not here (manage.py models fetch)")
        if own and card == "finder":
            with_free_sides(path, made / name)
        else:
            (made / name).symlink_to(path.resolve())
    return made


@pytest.fixture(scope="session")
def builtin_analyser(builtin_networks: Path) -> Any:
    """The analyser of the built-in networks."""
    from models.faces.analysis.builtin import BuiltinAnalyser
    from models.sessions import SessionConfig, SessionFactory

    sessions = SessionFactory(SessionConfig(providers=("cpu",), threads=1))
    return BuiltinAnalyser.from_folder(builtin_networks, lambda path: sessions.get(path, str(path)))


@pytest.fixture
def portrait() -> np.ndarray:
    """The astronaut portrait, uint8 (512, 512, 3) BGR."""
    import cv2

    image = cv2.imread(str(sample_path("astronaut")), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def photo_keep(
    owner: Any,
    image: np.ndarray | None = None,
    alpha: np.ndarray | None = None,
    **fields: Any,
) -> Any:
    """A photo with real files, without going through intake."""
    import cv2
    from django.core.files.base import ContentFile

    from faceweb.media.files import NewFile, Picture, files_store
    from faceweb.media.models import Asset
    from faceweb.media.pictures import original_encode

    if image is None:
        image = np.full((120, 160, 3), 127, np.uint8)
    height, width = image.shape[:2]
    if alpha is None:
        stored = original_encode(image, None)
    else:
        stored = original_encode(np.where(alpha[..., None] == 0, np.uint8(255), image), alpha)
    webp = cv2.imencode(".webp", cv2.resize(image, (32, 24)))[1].tobytes()
    files = {
        "original": NewFile(stored.media_type, width, height, ContentFile(stored.content)),
        "preview": NewFile("image/webp", 32, 24, ContentFile(webp)),
        "thumb": NewFile("image/webp", 32, 24, ContentFile(webp)),
    }
    fields.setdefault("analysis", Asset.Analysis.DONE)
    fields.setdefault("screening", Asset.Screening.CLEAR)
    picture = Picture(width, height, files)
    asset = Asset.objects.create(
        owner=owner, width=width, height=height, bytes=picture.bytes, **fields
    )
    files_store(asset, picture)
    return asset


@pytest.fixture
def photo_factory(media: Path) -> Callable[..., Any]:
    """Photos with real files, without going through intake."""
    return photo_keep
