"""What all tests share: an installation of their own, the database that was asked for, a cast of people.

``SINFONIETTA_TEST_DATABASE=postgresql`` runs them on a private PostgreSQL cluster that this session starts and ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
DATA = Path(tempfile.mkdtemp(prefix="sinfonietta-test-"))
# Before Django's settings are read.
for name in [name for name in os.environ if name.startswith("SINFONIETTA_") and "TEST_DATABASE" not in name]:
    del os.environ[name]
os.environ["SINFONIETTA_DATA"] = str(DATA)
os.environ["SINFONIETTA_LOG_LEVEL"] = "ERROR"
os.environ["DJANGO_SETTINGS_MODULE"] = "sinfonietta.config.settings"


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL once, in the controlling process, before Django reads where it is."""
    if os.environ.get("SINFONIETTA_TEST_DATABASE") == "postgresql" and not IS_WORKER:
        from tests.support.postgresql import Cluster

        cluster = Cluster()
        config.add_cleanup(cluster.stop)
        os.environ["SINFONIETTA_TEST_DATABASE_URL"] = cluster.start()
    import django

    django.setup()
    # A worker of pytest-xdist that inherited this would read its settings before it has a data folder of its own.
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """With SQLite the database is that of the installation, so that a process which a test starts shares it."""
    from django.db import connection

    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(DATA / "sinfonietta.sqlite3")


@pytest.fixture(autouse=True)
def _everyone(request: pytest.FixtureRequest) -> None:
    """Tests with real transactions begin with emptied tables: ``everyone`` comes from a migration, so bring it back."""
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        from sinfonietta.accounts.models import EVERYONE, Principal

        Principal.objects.get_or_create(id=EVERYONE, defaults={"kind": Principal.Kind.EVERYONE})


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """argon2 as it is, at its least cost: the tests make hundreds of accounts."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    before = Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism
    Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1
    yield
    (
        Argon2PasswordHasher.time_cost,
        Argon2PasswordHasher.memory_cost,
        Argon2PasswordHasher.parallelism,
    ) = before


@pytest.fixture(autouse=True)
def _clean_slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No audit of reads travels from one test to the next; nor does a clock write it when its test is over, or ask
    again who somebody is while statements are counted.
    """
    from sinfonietta.accounts import known
    from sinfonietta.audit import services

    monkeypatch.setattr(services, "FLUSH_S", 3600.0)
    monkeypatch.setattr(known, "BELIEVED_S", 3600.0)
    yield
    services.forget_waiting()


@pytest.fixture
def make_actor(db: None) -> Callable[..., Actor]:
    """Makes an account with a home, and answers it as an actor."""
    from sinfonietta.accounts import queries, services
    from sinfonietta.accounts.actor import SYSTEM, Origin

    def make(name: str, **fields: object) -> Actor:
        user = services.create_user(actor=SYSTEM, name=name, password=password_of(name), **fields)  # type: ignore[arg-type]
        return queries.actor_for_user(user, Origin(door="test"))

    return make


def password_of(name: str) -> str:
    """The password of a member of the cast."""
    return f"quite-long-{name}"


@pytest.fixture
def alice(make_actor: Callable[..., Actor]) -> Actor:
    """Owns things."""
    return make_actor("alice", full_name="Alice Owner", email="alice@example.org")


@pytest.fixture
def bob(make_actor: Callable[..., Actor]) -> Actor:
    """Alice's colleague, whom she shares with."""
    return make_actor("bob", full_name="Bob Colleague")


@pytest.fixture
def mallory(make_actor: Callable[..., Actor]) -> Actor:
    """A stranger with an account."""
    return make_actor("mallory")


@pytest.fixture
def admin(make_actor: Callable[..., Actor]) -> Actor:
    """Runs the site, and reads nothing of anybody."""
    return make_actor("admin", is_admin=True)
