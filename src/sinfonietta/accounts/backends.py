"""How Django's sessions find our accounts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from sinfonietta.accounts.models import User


class LocalBackend:
    """Loads the account of a session. Passwords are checked by ``signin`` alone, so that every door counts failures."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Nobody signs in this way."""
        return None

    def get_user(self, user_id: int) -> User | None:
        """The account, while it is open."""
        return User.objects.filter(pk=user_id, is_active=True).first()
