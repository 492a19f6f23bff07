"""Checking who somebody is: passwords and tokens, the same for every door."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from datetime import timedelta

from django.contrib.auth.hashers import check_password as matches
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.db.models.functions import Now

from sinfonietta.accounts import attempts, queries
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin, Scope
from sinfonietta.accounts.models import Token, User
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import NotSignedIn
from sinfonietta.common.time import now

TOKEN_PREFIX = "sfn_"  # noqa: S105 (known to everyone)
SCOPES = {Token.Scope.READ: Scope.READ, Token.Scope.WRITE: Scope.WRITE, Token.Scope.ADMIN: Scope.ADMIN}
REMEMBER_S = 60.0
WRONG = "The name or the password is wrong."


def check_password(name: str, password: str, *, origin: Origin) -> User:
    """The account with that name and password.

    An unknown name, a closed account and a wrong password take the same time and give the same answer.
    Raises NotSignedIn, TooManyAttempts.
    """
    name = name.replace("\0", "")  # no account has one in its name, and PostgreSQL knows none
    attempts.check(name, origin.address)
    user = User.objects.filter(name__iexact=name).first()
    if user is None or not user.has_usable_password():
        make_password(password)  # costs what a comparison costs
        right = False
    else:
        right = matches(password, user.password) and user.is_active
    if user is None or not right:
        attempts.failed(name, origin.address)
        audit.record(actor=SYSTEM.at(origin), action="signin.failed", target=user.uid if user else None)
        raise NotSignedIn(WRONG)
    attempts.succeeded(name, origin.address)
    return user


def check_token(secret: str, *, origin: Origin) -> Token:
    """The token of that secret, with its user.

    Wrong ones are counted for their address, but a right one always holds: one program with an old token does not shut
    out the others behind the same address, and nobody guesses 256 bits. Raises NotSignedIn, TooManyAttempts.
    """
    digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
    valid = Q(expires=None) | Q(expires__gt=Now())
    token = Token.objects.select_related("user").filter(valid, digest=digest, user__is_active=True).first()
    if token is None:
        attempts.check(TOKEN_PREFIX, origin.address)
        attempts.failed(TOKEN_PREFIX, origin.address)
        raise NotSignedIn("The token is not valid, expired or revoked.")
    if token.last_used is None or now() - token.last_used > timedelta(minutes=1):
        Token.objects.filter(uid=token.uid).update(last_used=now())
    return token


def bearer(secret: str, *, origin: Origin) -> Actor:
    """The actor of a bearer token. Raises NotSignedIn, TooManyAttempts."""
    token = check_token(secret, origin=origin)
    return queries.actor_for_user(token.user, origin, scope=SCOPES[Token.Scope(token.scope)])


def basic(name: str, secret: str, *, origin: Origin) -> Actor:
    """The actor of HTTP Basic: an account name with a token of that account, or with its password.

    Raises NotSignedIn, TooManyAttempts.
    """
    if secret.startswith(TOKEN_PREFIX):
        token = check_token(secret, origin=origin)
        if token.user.name.casefold() != name.casefold():
            raise NotSignedIn(WRONG)
        return queries.actor_for_user(token.user, origin, scope=SCOPES[Token.Scope(token.scope)])
    attempts.check(name, origin.address)
    user = _remembered.get(name, secret) or _remembered.put(check_password(name, secret, origin=origin), secret)
    return queries.actor_for_user(user, origin)


class Remembered:
    """Passwords found right in the last minute, so that a program pays for argon2 once and not on every request.

    Kept as an HMAC under a key of this process, over the password and the stored hash: a changed password or a closed
    account ends it at once.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._until: dict[bytes, float] = {}

    def get(self, name: str, password: str) -> User | None:
        """The account, if this password was right for it within the last minute."""
        user = User.objects.filter(name__iexact=name, is_active=True).first()
        if user is None:
            return None
        with self._lock:
            return user if self._until.get(self._mark(user, password), 0.0) > time.monotonic() else None

    def put(self, user: User, password: str) -> User:
        """Remember; what is over is forgotten."""
        with self._lock:
            moment = time.monotonic()
            self._until = {mark: until for mark, until in self._until.items() if until > moment}
            self._until[self._mark(user, password)] = moment + REMEMBER_S
        return user

    def _mark(self, user: User, password: str) -> bytes:
        return hmac.digest(self._key, f"{user.pk}\0{user.password}\0{password}".encode("utf-8", "replace"), "sha256")


_remembered = Remembered()
