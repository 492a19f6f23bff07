"""A collection of Alice's, with a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor
    from sinfonietta.library.models import Node


@pytest.fixture
def study(alice: Actor) -> Node:
    from sinfonietta.library import services

    return services.create_collection(actor=alice, name="Study")


@pytest.fixture
def folder(alice: Actor, study: Node) -> Node:
    from sinfonietta.library import services

    return services.create_folder(actor=alice, parent=study.uid, name="Hospital A")
