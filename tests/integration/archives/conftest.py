"""A place to unpack into."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor


@pytest.fixture
def place(alice: Actor) -> UUID:
    """A folder of Alice's."""
    from sinfonietta.library import services

    collection = services.create_collection(actor=alice, name="Study")
    return services.create_folder(actor=alice, parent=collection.uid, name="Folder").uid
