from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _reads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes the audit of reads would wait for the transaction of the test."""
    from sinfonietta.audit import services

    monkeypatch.setattr(services, "FLUSH_S", 3600.0)
