"""Who makes this request: session cookie, bearer token or HTTP Basic."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from sinfonietta.accounts import queries, signin
from sinfonietta.accounts.actor import Actor, Origin
from sinfonietta.common.errors import NotSignedIn

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
DOORS = {"api", "dicomweb", "viewer"}


def actor_of(request: HttpRequest) -> Actor:
    """The account behind a request, looked up once.

    Raises NotSignedIn when there is no credential or it does not hold, TooManyAttempts when the name is blocked.
    An ``Authorization`` header stands alone: a session cookie beside it is not looked at.
    """
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        actor = _by_header(request) if "Authorization" in request.headers else _by_session(request)
        request.actor = actor  # type: ignore[attr-defined]
    return actor


def _by_session(request: HttpRequest) -> Actor:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        raise NotSignedIn("Sign in, or send a token.")
    return queries.actor_for_user(user, origin_of(request))


def _by_header(request: HttpRequest) -> Actor:
    scheme, _, credential = request.headers["Authorization"].strip().partition(" ")
    if scheme.lower() == "bearer":
        return signin.bearer(credential.strip(), origin=origin_of(request))
    if scheme.lower() == "basic":
        name, secret = _basic(credential)
        return signin.basic(name, secret, origin=origin_of(request))
    raise NotSignedIn("The Authorization header must be Bearer or Basic.")


def _basic(credential: str) -> tuple[str, str]:
    """Name and secret of HTTP Basic (RFC 7617)."""
    try:
        name, colon, secret = base64.b64decode(credential.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotSignedIn("The Basic credential cannot be read.") from error
    if not colon or "\0" in name:
        raise NotSignedIn("The Basic credential cannot be read.")
    return name, secret


def origin_of(request: HttpRequest) -> Origin:
    """Door, request id and address, for audit and log."""
    first = request.path_info.split("/", 2)[1]
    return Origin(
        door=first if first in DOORS else "portal",
        request=getattr(request, "request_id", ""),
        address=address_of(request),
    )


def address_of(request: HttpRequest) -> str | None:
    """The client's address; X-Forwarded-For is believed only from proxies that the site trusts."""
    address = request.META.get("REMOTE_ADDR") or None
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while address in settings.OPTIONS.trusted_proxies and hops:
        address = hops.pop()
    return address


def is_same_origin(request: HttpRequest) -> bool:
    """Proof by headers that only browsers set that our own page made this request."""
    if request.headers.get("Sec-Fetch-Site"):
        return request.headers["Sec-Fetch-Site"] == "same-origin"
    origin = request.headers.get("Origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.get_host()


def needs_csrf_token(request: HttpRequest) -> bool:
    """Whether an unsafe request must carry the CSRF token.

    A bearer token is proof enough, for no browser adds one by itself as it does Basic; so is the same origin for
    DICOMweb.
    """
    if request.method in SAFE:
        return False
    if "Authorization" in request.headers:
        is_bearer = request.headers["Authorization"].strip().lower().startswith("bearer ")
        return not is_bearer and request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return not (request.path_info.startswith("/dicomweb/") and is_same_origin(request))
