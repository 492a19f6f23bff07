from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.dicomweb import Web

    from sinfonietta.accounts.actor import Actor
    from sinfonietta.library.models import Node

# Imports stand inside the fixtures: this file may be read before Django is set up.


@pytest.fixture
def web(db: None) -> Callable[..., Web]:
    """Makes a program for an account."""

    from tests.support.dicomweb import Web

    from sinfonietta.accounts import services as accounts
    from sinfonietta.accounts.models import Token, User

    def make(actor: Actor, scope: str = "write") -> Web:
        user = User.objects.get(uid=actor.uid)
        _, secret = accounts.create_token(actor=actor, user=user, name="test", scope=Token.Scope(scope))
        return Web(actor, secret)

    return make


@pytest.fixture
def box(alice: Actor) -> Node:
    """A collection of Alice's."""
    from sinfonietta.library import services

    return services.create_collection(actor=alice, name="Box")
