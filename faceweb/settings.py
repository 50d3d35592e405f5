"""Settings. Everything an operator may change comes from ``FACEWEB_*`` through `faceweb.env`.

The defaults are the embedded site that ``make run`` starts. docs/settings.md lists them all.
"""

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import django_stubs_ext
from celery.schedules import crontab
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from faceweb import env

# Django's generic classes may be subscripted at run time too, as the type checker wants them.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where things are -------------------------------------------------------------------------
DEBUG = env.get_bool("DEBUG", False)
DATA_DIR = env.get_path("DATA_DIR", BASE_DIR / "var")
SECRET_KEY = env.get_secret_key("SECRET_KEY", keep_in=DATA_DIR / "secret_key")
PUBLIC_BASE_URL = env.get_site_url("PUBLIC_BASE_URL", "http://localhost:8000")
_PUBLIC = urlsplit(PUBLIC_BASE_URL)
HTTPS = _PUBLIC.scheme == "https"
# The path that everything lies below, such as /faces; `faceweb.under_path` sees to requests.
FORCE_SCRIPT_NAME = _PUBLIC.path or None
_LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.get_list("ALLOWED_HOSTS", [_PUBLIC.hostname or "localhost", *_LOCAL_HOSTS])
CSRF_TRUSTED_ORIGINS = env.get_list(
    "CSRF_TRUSTED_ORIGINS", [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]
)
# Where this site's own source can be had: the AGPL asks that visitors are told.
SOURCE_URL = env.get_str("SOURCE_URL")
REDIS_URL = env.get_str("REDIS_URL", f"unix://{DATA_DIR / 'redis.sock'}")

# --- the house --------------------------------------------------------------------------------
INSTALLED_APPS = [
    # The panel's own site is made in faceweb.moderation; unfold only gives it its looks.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "faceweb.moderation.panel_app.PanelConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "faceweb",
    "faceweb.core",
    "faceweb.people",
    "faceweb.media",
    "faceweb.work",
    "faceweb.marks",
    "faceweb.ledger",
    "faceweb.sharing",
    "faceweb.moderation",
    "faceweb.accounts",
    "swaps",
    "editing",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "faceweb.core.times.ViewerZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "faceweb.middleware.PrivateByDefaultMiddleware",
    "faceweb.moderation.middleware.PanelMiddleware",
]

ROOT_URLCONF = "faceweb.urls"
ASGI_APPLICATION = "faceweb.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            # Codes become sentences where they are shown, on any page.
            "builtins": ["faceweb.core.templatetags.words"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "faceweb.context.site",
                "faceweb.core.frame.context",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- database, cache, messages ----------------------------------------------------------------
DATABASES = {
    "default": env.get_database("DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'db.sqlite3'))}")
}

# Redis database 0 is Celery's broker, 1 carries the channel layer, 2 is the cache.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.redis_url_for_client(REDIS_URL, 2),
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [env.redis_url_for_client(REDIS_URL, 1)]},
    }
}

# --- accounts ---------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studio"
HOME_URL = "landing"
CSRF_FAILURE_VIEW = "faceweb.core.error_pages.csrf_failure"
ACCOUNT_LOGOUT_REDIRECT_URL = "landing"
ACCOUNT_ADAPTER = "faceweb.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
SIGNUP_OPEN = env.get_bool("SIGNUP_OPEN", True)
# Signing up can only hide whether an address is known when the next step is a mail. A developer's
# site has no mail server, so there a new account is let in at once.
ACCOUNT_EMAIL_VERIFICATION = env.get_choice(
    "EMAIL_VERIFICATION", ["mandatory", "optional", "none"], "none" if DEBUG else "mandatory"
)

# Staff reach nothing behind /admin/ without a second factor.
STAFF_MFA = env.get_bool("STAFF_MFA", True)
MFA_ADAPTER = "faceweb.people.second_factor.SecondFactorAdapter"
MFA_TOTP_ISSUER = _PUBLIC.hostname or "faceweb"
# A telephone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env.get_str("SMTP_HOST")
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = env.get_str("SMTP_HOST")
EMAIL_PORT = env.get_int("SMTP_PORT", 587)
EMAIL_HOST_USER = env.get_str("SMTP_USER")
EMAIL_HOST_PASSWORD = env.get_str("SMTP_PASSWORD")
EMAIL_USE_TLS = env.get_bool("SMTP_TLS", True)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.get_str("MAIL_FROM", f"faceweb@{_PUBLIC.hostname or 'localhost'}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- files ------------------------------------------------------------------------------------
STATIC_URL = f"{_PUBLIC.path}/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.get_path("STATIC_ROOT", DATA_DIR / "static")
# Media is private: there is no MEDIA_URL and no folder a web server may publish. Bytes leave by
# `faceweb.media.delivery` alone.
MEDIA_ROOT = env.get_path("MEDIA_ROOT", DATA_DIR / "media")
STORAGE = env.get_choice("STORAGE", ["files", "s3"], "files")
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT, "base_url": None},
    },
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
if STORAGE == "s3":
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env.get_str("S3_BUCKET"),
            "endpoint_url": env.get_str("S3_ENDPOINT") or None,
            "region_name": env.get_str("S3_REGION") or None,
            "access_key": env.get_str("S3_ACCESS_KEY") or None,
            "secret_key": env.get_str("S3_SECRET_KEY") or None,
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": 60,
            "file_overwrite": False,
        },
    }
# How bytes leave once the view has said yes: by this process, by nginx (X-Accel-Redirect to the
# internal location below), or by a short-lived signed address of the S3 store.
DELIVERY = env.get_choice(
    "DELIVERY", ["process", "accel", "signed"], "signed" if STORAGE == "s3" else "process"
)
DELIVERY_ACCEL_LOCATION = env.get_str("DELIVERY_ACCEL_LOCATION", "/_private/")
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

UPLOAD_MAX_MB = env.get_int("UPLOAD_MAX_MB", 100, minimum=1, maximum=200)
UPLOAD_MAX_BYTES = UPLOAD_MAX_MB * 1024 * 1024
# What phones write is read; what is larger than the site keeps is scaled down on the way in.
UPLOAD_MAX_MEGAPIXELS = env.get_int("UPLOAD_MAX_MEGAPIXELS", 205, minimum=1, maximum=250)
UPLOAD_MAX_SIDE = env.get_int("UPLOAD_MAX_SIDE", 30_000, minimum=100, maximum=60_000)
KEPT_MAX_MEGAPIXELS = env.get_int("KEPT_MAX_MEGAPIXELS", 52, minimum=1, maximum=60)
KEPT_MAX_SIDE = env.get_int("KEPT_MAX_SIDE", 10_000, minimum=100, maximum=16_383)
QUOTA_PHOTOS = env.get_int("QUOTA_PHOTOS", 5_000, minimum=1)
QUOTA_MB = env.get_int("QUOTA_MB", 5_000, minimum=1)
# An answer is refused while less than this is free on the disk, so that a full one loses nothing.
DISK_FLOOR_MB = env.get_int("DISK_FLOOR_MB", 500)
# How long photos are kept; 0 switches a limit off.
UNUSED_HOURS = env.get_int("UNUSED_HOURS", 24, minimum=0)
RETENTION_DAYS = env.get_int("RETENTION_DAYS", 30, minimum=0)
RETENTION_MAX_DAYS = env.get_int("RETENTION_MAX_DAYS", 365, minimum=0)
GALLERY_PAGE = 48

# --- honest marks -----------------------------------------------------------------------------
# PEM texts, or files by FACEWEB_PROVENANCE_..._FILE. Where no certificate is given the site's own
# lies in the folder.
PROVENANCE_CERT = env.get_str("PROVENANCE_CERT")
PROVENANCE_KEY = env.get_str("PROVENANCE_KEY")
PROVENANCE_ROOTS = env.get_str("PROVENANCE_ROOTS")
PROVENANCE_DIR = env.get_path("PROVENANCE_DIR", DATA_DIR / "provenance")
# SQLite means one machine. Where there are several, each would make a root of its own.
PROVENANCE_AUTO_INIT = env.get_bool(
    "PROVENANCE_AUTO_INIT", DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
)
BADGE_OPTIONAL = env.get_bool("BADGE_OPTIONAL", False)
ACCOUNT_RATE_LIMITS = {
    "verify": f"{env.get_int('VERIFY_PER_HOUR', 60, minimum=1)}/h/ip",
    "protect_face": "5/h/ip",
    "report": f"{env.get_int('REPORTS_PER_HOUR', 10, minimum=1)}/h/ip",
}

# --- sharing ----------------------------------------------------------------------------------
SHARE_NEVER_EXPIRES = env.get_bool("SHARE_NEVER_EXPIRES", False)
SHARE_LINKS_PER_PERSON = env.get_int("SHARE_LINKS_PER_PERSON", 500, minimum=1)
# From one address of the network, before it has to wait.
SHARE_MISSES_PER_MINUTE = env.get_int("SHARE_MISSES_PER_MINUTE", 30, minimum=1)
SHARE_PASSWORDS_PER_MINUTE = env.get_int("SHARE_PASSWORDS_PER_MINUTE", 5, minimum=1)

# --- jobs -------------------------------------------------------------------------------------
# `auto` or the name of an engine; checked against those that there are when the site starts.
ENGINE = env.get_str("ENGINE", "auto")
# --- weights ----------------------------------------------------------------------------------
# What came with a container image lies beside the code and is looked into first.
WEIGHTS_BASE_DIR = env.get_path("WEIGHTS_BASE_DIR", BASE_DIR / "models" / "weights")
WEIGHTS_DIR = env.get_path("WEIGHTS_DIR", DATA_DIR / "weights")
NETWORKS_OFF = env.get_list("NETWORKS_OFF")
SWAPPER = env.get_str("SWAPPER", "inswapper_128")
SWAPPER_PRECISION = env.get_choice("SWAPPER_PRECISION", ["fp32", "fp16", "int8"], "fp32")
# Two photos count as one person's only at or above both, in per cent.
SAME_PERSON_LIKENESS = env.get_int("SAME_PERSON_LIKENESS", 45, minimum=1, maximum=100)
SAME_PERSON_GEOMETRY = env.get_int("SAME_PERSON_GEOMETRY", 60, minimum=1, maximum=100)
WEIGHTS_MIRROR = env.get_str("WEIGHTS_MIRROR")
STYLEGAN_DIR = env.get_path("STYLEGAN_DIR", WEIGHTS_DIR / "stylegan")
DIRECTIONS_DIR = env.get_path("DIRECTIONS_DIR", WEIGHTS_DIR / "directions")
MODEL_CACHE_DIR = env.get_path("MODEL_CACHE_DIR", DATA_DIR / "model-cache")
ORT_PROVIDERS = env.get_list("ORT_PROVIDERS")
ORT_THREADS = env.get_int("ORT_THREADS", 0)
GPU_MEMORY_LIMIT_MB = env.get_int("GPU_MEMORY_LIMIT_MB", 0)

JOBS_RUNNING_PER_PERSON = env.get_int("JOBS_RUNNING_PER_PERSON", 2, minimum=1)
JOBS_QUEUED_PER_PERSON = env.get_int("JOBS_QUEUED_PER_PERSON", 20, minimum=1)
JOB_ATTEMPTS = 3
# How much expected work of one person lies at the broker at once: others wait behind no more.
BROKER_SECONDS_PER_PERSON = env.get_int("BROKER_SECONDS_PER_PERSON", 2, minimum=1)
# A worker renews its lease every third of this; the reaper gives an unrenewed job back.
JOB_LEASE_SECONDS = env.get_int("JOB_LEASE_SECONDS", 20, minimum=6, maximum=600)
# Celery's time limits do nothing in the threads and solo pools: the worker's own watchdog ends it.
JOB_TIME_LIMIT_SECONDS = env.get_int("JOB_TIME_LIMIT_SECONDS", 300, minimum=10)

# An edit is delivered only at or above this percentage of likeness to the photo.
IDENTITY_THRESHOLD = env.get_int("IDENTITY_THRESHOLD", 80, minimum=1, maximum=100)

# --- moderation -------------------------------------------------------------------------------
# How long a strike makes the next one graver.
STRIKE_DAYS = env.get_int("STRIKE_DAYS", 180, minimum=1)
# Where people reach a person about a decision; answers to notices go there.
CONTACT_EMAIL = env.get_str("CONTACT_EMAIL", DEFAULT_FROM_EMAIL)

# --- screening --------------------------------------------------------------------------------
# Which networks look at every upload and every result; "off" warns and shows a banner.
SCREENING = env.get_choice("SCREENING", ["nudenet", "vit", "both", "off"], "nudenet")
# Per cent: from the first on a person has to look, from the second on a picture is refused.
SCREENING_THRESHOLDS = {
    "intimate": (
        env.get_int("SCREENING_INTIMATE_REVIEW", 25, minimum=1, maximum=100),
        env.get_int("SCREENING_INTIMATE_BLOCK", 50, minimum=1, maximum=101),
    ),
    "nude": (
        env.get_int("SCREENING_NUDE_REVIEW", 30, minimum=1, maximum=100),
        env.get_int("SCREENING_NUDE_BLOCK", 70, minimum=1, maximum=101),
    ),
    "vit": (
        env.get_int("SCREENING_VIT_REVIEW", 60, minimum=1, maximum=100),
        env.get_int("SCREENING_VIT_BLOCK", 90, minimum=1, maximum=101),
    ),
}
# A look that takes longer has failed. It stays under the claim on an analysis.
SCREENING_SECONDS = env.get_int("SCREENING_SECONDS", 20, minimum=1, maximum=45)
SCREENING_AGE_FLOOR = env.get_int("SCREENING_AGE_FLOOR", 20, minimum=18, maximum=40)
# Seals what is kept about protected faces; without it the key is derived from SECRET_KEY.
PROTECTED_KEY = env.get_str("PROTECTED_KEY")

CELERY_BROKER_URL = env.redis_url_for_celery(REDIS_URL, 0)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Redis hands an unacknowledged message out again after this, running or not, so it lies well
    # above the longest job. Lost workers are noticed by leases in the database, not by this.
    "visibility_timeout": 4 * JOB_TIME_LIMIT_SECONDS,
    # kombu looks for such messages every interval x throttle seconds (100 by default).
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "health_check_interval": 25,
    "socket_keepalive": True,
    # A request must not hang when the broker is away: the row stays queued and the sweep sends it.
    "socket_connect_timeout": 3,
    "max_retries": 1,
    "interval_start": 0,
    "interval_max": 0.2,
}
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_ROUTES = {
    "faceweb.work.tasks.job_run": {"queue": "jobs"},
    "faceweb.work.tasks.part_run": {"queue": "parts"},
    "faceweb.media.tasks.asset_task_run": {"queue": "analysis"},
    # It needs the networks that analysis has loaded.
    "faceweb.moderation.tasks.protected_face_study": {"queue": "analysis"},
    "faceweb.moderation.tasks.protected_faces_study": {"queue": "analysis"},
    # Somebody holds a slider: a queue of its own, so that it need not wait behind a backlog.
    "faceweb.work.tasks.preview_run": {"queue": "preview"},
}
CELERY_BEAT_SCHEDULE = {
    "durable-reap": {"task": "faceweb.core.durable.tasks.durable_reap", "schedule": 5.0},
    "durable-dispatch": {"task": "faceweb.core.durable.tasks.durable_dispatch", "schedule": 10.0},
    "asset-tasks-forget": {
        "task": "faceweb.media.tasks.asset_tasks_forget",
        "schedule": 3600.0,
    },
    "cases-alert": {"task": "faceweb.moderation.tasks.cases_alert", "schedule": 300.0},
    "protected-faces-study": {
        "task": "faceweb.moderation.tasks.protected_faces_study",
        "schedule": 60.0,
    },
    "notices-forget": {"task": "faceweb.moderation.tasks.notices_forget", "schedule": 3600.0},
    "files-sweep": {"task": "faceweb.media.tasks.files_sweep", "schedule": 3600.0},
    "photos-expire": {"task": "faceweb.media.tasks.assets_expire", "schedule": 900.0},
    "photos-find-fileless": {
        "task": "faceweb.media.tasks.assets_find_fileless",
        "schedule": crontab(day_of_week="sunday", hour="4", minute="10"),
    },
    "jobs-forget": {"task": "faceweb.work.tasks.jobs_forget", "schedule": 3600.0},
    "accounts-forget": {"task": "faceweb.accounts.tasks.accounts_forget", "schedule": 3600.0},
}
# What was not done when it is due again need not be done twice: with every worker away the clock's
# messages would pile up by the thousand.
for _entry in CELERY_BEAT_SCHEDULE.values():
    _every = _entry["schedule"]
    _entry["options"] = {"expires": _every if isinstance(_every, float) else 3600.0}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")

# --- the browser's side of safety ---------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    }
}
if STORAGE == "s3" and DELIVERY == "signed":
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"].append(
        env.get_str("S3_PUBLIC_ORIGIN") or env.get_str("S3_ENDPOINT") or "https:"
    )
# What the panel's pages are allowed beyond that, found out in a browser; the rest of the site stays
# as it is above. unfold's menus and filters run on Alpine, which evaluates the expressions in its
# attributes and writes one `style` attribute (the width of a list's bar). Inline scripts, inline
# style sheets and other origins stay refused there too.
PANEL_CSP = {"script-src": [UNSAFE_EVAL], "style-src-attr": [UNSAFE_INLINE]}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
# Without a last slash, so that the path itself is meant too. Neighbours on the host get no cookie.
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = _PUBLIC.path or "/"
if HTTPS:
    # A browser takes __Host- for cookies of the whole host alone.
    _COOKIE_PREFIX = "__Secure-" if _PUBLIC.path else "__Host-"
    SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}session"
    CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrf"
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [rf"^{re.escape(f'{_PUBLIC.path}/'[1:])}(healthz|readyz)$"]
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
if env.get_bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # The rightmost hop is the operator's own proxy; allauth's limits count by that address.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
WEBSOCKETS_PER_PERSON = env.get_int("WEBSOCKETS_PER_PERSON", 10, minimum=1)

# --- the panel's looks --------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "faceweb",
    "SITE_HEADER": "faceweb",
    "SITE_SUBHEADER": "Behind the scenes",
    "SITE_SYMBOL": "shield_person",
    "SITE_URL": f"{_PUBLIC.path}/",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": "faceweb.moderation.panel_site.favicon",
        }
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    # A list in the page would need inline styles: the colours are in moderation/panel.css.
    "COLORS": "faceweb.moderation.panel_site.colours",
    "STYLES": ["faceweb.moderation.panel_site.stylesheet"],
    "SCRIPTS": ["faceweb.moderation.panel_site.htmx_settings"],
    "SIDEBAR": {"navigation": "faceweb.moderation.panel_site.navigation"},
    "ACCOUNT": {"navigation": "faceweb.moderation.panel_site.account_links"},
}

# --- logs: what happened to which id, never names, addresses, tokens or pictures ------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "faceweb.logs.DiscreetFormatter",
            "fmt": "{asctime} {levelname:<7} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.get_str("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        # They come with handlers of their own, which would write addresses as they are.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        "uvicorn": {"handlers": [], "propagate": True},
        # Where somebody comes from and what they open is written down by nobody.
        "uvicorn.access": {"handlers": [], "propagate": False},
        # They report every message and every tick of the clock.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
