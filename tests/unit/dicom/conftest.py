from __future__ import annotations

from collections.abc import Iterator

import pytest

from sinfonietta.dicom.sandbox.isolation import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Processes for files, of their own; ended with the session."""
    made = Sandbox(size=2, timeout_s=20)
    yield made
    made.close()
