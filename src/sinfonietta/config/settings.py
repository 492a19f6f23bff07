"""Django's settings, made from ours (``config.options``). Nothing here is a site's to change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF

from sinfonietta.config import logs, options, rooms, secret

OPTIONS = options.load()
PACKAGE = Path(__file__).resolve().parent.parent

SECRET_KEY = secret.key(OPTIONS)
DEBUG = False
ALLOWED_HOSTS = OPTIONS.allowed_hosts
ROOT_URLCONF = "sinfonietta.config.urls"
WSGI_APPLICATION = "sinfonietta.config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # the sign-in name is unique whatever its case, by a constraint on lower(name)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *(
        f"sinfonietta.{room}"
        for room in (
            "audit",
            "accounts",
            "jobs",
            "blobs",
            "library",
            "ingest",
            "archives",
            "dicom",
            "search",
            "notices",
            "interfaces.api",
            "interfaces.portal",
        )
    ),
]

MIDDLEWARE = [
    "sinfonietta.interfaces.http.short_path.ShortPath",  # DICOMweb leaves here: what follows is for pages and forms
    "sinfonietta.interfaces.http.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "sinfonietta.interfaces.http.cors.Cors",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "sinfonietta.interfaces.http.middleware.Doorkeeper",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sinfonietta.interfaces.portal.context.site",
            ],
        },
    }
]


def database(url: str) -> dict[str, Any]:
    """Django's database settings for ``database_url``; SQLite in the data folder when it is empty."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": OPTIONS.data / "sinfonietta.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 60,  # many who write at once wait for each other, however slow the disk is
                # FULL: what was acknowledged survives a power failure.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # A host that does not answer must not hold a thread for minutes.
        "OPTIONS": {"connect_timeout": "5"} | dict(parse_qsl(parts.query)),
    }


DATABASES = {"default": database(os.environ.get("SINFONIETTA_TEST_DATABASE_URL", "") or OPTIONS.database_url)}

_MAIL = urlsplit(OPTIONS.mail_url)
EMAIL_BACKEND = f"django.core.mail.backends.{'console' if _MAIL.scheme == 'console' else 'smtp'}.EmailBackend"
EMAIL_HOST = _MAIL.hostname or "localhost"
EMAIL_PORT = _MAIL.port or {"smtps": 465, "smtp+starttls": 587}.get(_MAIL.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL.scheme == "smtps", _MAIL.scheme == "smtp+starttls"
EMAIL_TIMEOUT = 30
DEFAULT_FROM_EMAIL = OPTIONS.mail_from

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
AUTHENTICATION_BACKENDS = ["sinfonietta.accounts.backends.LocalBackend"]
LOGIN_URL = "portal:sign-in"
LOGIN_REDIRECT_URL = "portal:start"

SESSION_COOKIE_AGE = OPTIONS.session_days * 86400
SESSION_COOKIE_NAME = "sinfonietta_session"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = OPTIONS.public_url.startswith("https://")
CSRF_COOKIE_NAME = "sinfonietta_csrf"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
CSRF_FAILURE_VIEW = "sinfonietta.interfaces.portal.views.errors.csrf"
CSRF_TRUSTED_ORIGINS = [OPTIONS.public_url.rstrip("/")] if OPTIONS.public_url else []
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "worker-src": [SELF, "blob:"],
        "object-src": [NONE],
        "frame-ancestors": [SELF],
        "form-action": [SELF],
        "base-uri": [SELF],
    }
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [PACKAGE / "static"] if (PACKAGE / "static").is_dir() else []
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["sinfonietta.interfaces.api.authentication.HouseAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["sinfonietta.interfaces.api.authentication.SignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "sinfonietta.interfaces.api.schema.HouseSchema",
    "EXCEPTION_HANDLER": "sinfonietta.interfaces.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sinfonietta",
    "DESCRIPTION": "A repository for research on medical images. Research only: not a medical device.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING_CONFIG = None
logs.configure(OPTIONS)

INSPECTORS = rooms.INSPECTORS
INDEXERS = rooms.INDEXERS
ANNOUNCEMENTS = rooms.ANNOUNCEMENTS
USER_CREATED = rooms.USER_CREATED
GRANTED = rooms.GRANTED
JOB_ENDED = rooms.JOB_ENDED
NOTICED_JOBS = rooms.NOTICED_JOBS
JOB_KINDS = rooms.JOB_KINDS
SCHEDULES = rooms.SCHEDULES
