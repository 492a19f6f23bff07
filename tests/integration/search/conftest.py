"""A small library with an index that has followed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor

Find = Callable[..., list[str]]


@pytest.fixture(params=["from the words", "from what is theirs"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a search begins: at the index, or at the little that somebody may read."""
    from sinfonietta.search import statements

    if request.param == "from the words":
        monkeypatch.setattr(statements, "FEW", -1)


@pytest.fixture
def find() -> Find:
    """Names of what an actor finds, after the index has followed."""

    from sinfonietta.search import queries
    from sinfonietta.search.following import catch_up

    def names(actor: Actor, q: str, **asked: object) -> list[str]:
        catch_up()
        found = queries.search(actor=actor, q=q, **asked)  # type: ignore[arg-type]
        return [hit.entry.name for hit in found.hits]

    return names
