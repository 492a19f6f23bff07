"""Now, in one place, always aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment (UTC, aware)."""
    return datetime.now(UTC)
