"""Every test begins with nothing staged."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nothing_staged() -> None:
    from sinfonietta.blobs import store

    for key, _ in list(store.default().staged()):
        store.default().discard(key)
