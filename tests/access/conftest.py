"""The world that every route is walked in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.world import World

    from sinfonietta.accounts.actor import Actor


@pytest.fixture
def world(make_actor: Callable[..., Actor]) -> World:
    """One of everything, its owner, and all the others."""
    from tests.support.world import build

    return build(make_actor)
