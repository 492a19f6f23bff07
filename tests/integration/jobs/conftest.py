from __future__ import annotations

from typing import Any

import pytest
from tests.support.jobs import KINDS


@pytest.fixture(autouse=True)
def _kinds(settings: Any) -> None:
    settings.JOB_KINDS = settings.JOB_KINDS | KINDS
    settings.SCHEDULES = {}
