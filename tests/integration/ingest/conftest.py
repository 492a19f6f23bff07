"""Every test begins with nothing staged, and leaves nothing to others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def _discard_all() -> None:
    from sinfonietta.blobs import store

    for key, _ in list(store.default().staged()):
        store.default().discard(key)


@pytest.fixture(autouse=True)
def _nothing_staged() -> Iterator[None]:
    _discard_all()
    yield
    _discard_all()
