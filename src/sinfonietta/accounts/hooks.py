"""What happens, in the same transaction, when an account is made: ``config.rooms.USER_CREATED``."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from sinfonietta.accounts.models import User


def user_created(user: User) -> None:
    """Call what higher rooms connected."""
    for path in settings.USER_CREATED:
        import_string(path)(user)
