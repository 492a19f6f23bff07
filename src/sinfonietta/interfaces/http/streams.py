"""Long streams hold a thread each; so many and no more, that pages keep answering."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from sinfonietta.common.errors import Unavailable

LONG_BYTES = 1 << 20
"""A body of this size or more is a long stream."""

_free = threading.BoundedSemaphore(settings.OPTIONS.long_streams)


class Slot:
    """A place among the long streams; closing it twice frees it once."""

    def __init__(self) -> None:
        if not _free.acquire(blocking=False):
            raise Unavailable("Too many long transfers at this moment; try again shortly.", retry_after_s=5)
        self._held = True

    def close(self) -> None:
        """Give the place back."""
        if self._held:
            self._held = False
            _free.release()


@contextmanager
def long_stream(size_bytes: int | None) -> Iterator[None]:
    """Hold a place while a body of that size (None: unknown) is read. Raises Unavailable when all are taken."""
    slot = Slot() if size_bytes is None or size_bytes >= LONG_BYTES else None
    try:
        yield
    finally:
        if slot:
            slot.close()
