"""An installation of the benchmark's own, in this process."""

from __future__ import annotations

import os

from sinfonietta.accounts.actor import Actor


def start(folder: str, database_url: str = "") -> None:
    """Django on an empty database. Once in a process."""
    os.environ["SINFONIETTA_DATA"] = folder
    os.environ["SINFONIETTA_DATABASE_URL"] = database_url
    os.environ["SINFONIETTA_LOG_LEVEL"] = "ERROR"
    os.environ["DJANGO_SETTINGS_MODULE"] = "sinfonietta.config.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def person(name: str) -> tuple[Actor, str]:
    """An account as an actor, and a token of it."""
    from sinfonietta.accounts import services
    from sinfonietta.accounts.actor import SYSTEM, Origin
    from sinfonietta.accounts.queries import actor_for_user

    user = services.create_user(actor=SYSTEM, name=name)
    _, secret = services.create_token(actor=SYSTEM, user=user, name="bench", scope="admin")
    return actor_for_user(user, Origin(door="bench")), secret
