"""Alice's collection, which Bob may read, and the browsers of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from tests.support.portal import Place

    from sinfonietta.accounts.actor import Actor


@pytest.fixture(autouse=True)
def _reads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes the audit of reads would wait for the transaction of the test."""
    from sinfonietta.audit import services

    monkeypatch.setattr(services, "FLUSH_S", 3600.0)


@pytest.fixture
def place(alice: Actor, bob: Actor) -> Place:
    from tests.support.portal import shared_place

    return shared_place(alice, bob.name)


@pytest.fixture
def owner(alice: Actor) -> Client:
    return _browser(alice)


@pytest.fixture
def reader(bob: Actor) -> Client:
    return _browser(bob)


@pytest.fixture
def stranger(mallory: Actor) -> Client:
    return _browser(mallory)


@pytest.fixture
def runner(admin: Actor) -> Client:
    """Of the administrator, who runs the site and reads nothing."""
    return _browser(admin)


def _browser(actor: Actor) -> Client:
    from tests.support.portal import browser_of

    return browser_of(actor)
