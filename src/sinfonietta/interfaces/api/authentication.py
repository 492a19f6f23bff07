"""How REST Framework asks our doorkeeper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission

from sinfonietta.accounts.actor import Actor
from sinfonietta.interfaces.http.authentication import actor_of, needs_csrf_token

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class HouseAuthentication(BaseAuthentication):
    """The actor; and the CSRF token where a cookie is the credential, for Django's own check skips these views."""

    def authenticate(self, request: Request) -> tuple[Actor, None]:
        """The actor as the request's user. Raises NotSignedIn, TooManyAttempts, PermissionDenied."""
        actor = actor_of(request._request)
        if needs_csrf_token(request._request):
            check = CSRFCheck(lambda request: None)  # type: ignore[arg-type]
            check.process_request(request._request)
            if reason := check.process_view(request._request, None, (), {}):  # type: ignore[arg-type]
                raise PermissionDenied(f"The CSRF token is missing or wrong: {reason}")
        return actor, None

    def authenticate_header(self, request: Request) -> str:
        """What a refused client may try."""
        return 'Bearer realm="Sinfonietta"'


class SignedIn(BasePermission):
    """Nobody comes in without an account; everything finer is the library's to decide."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether there is an actor."""
        return isinstance(request.user, Actor)
