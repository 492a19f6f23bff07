"""What can be wrong with stored bytes."""

from __future__ import annotations

from sinfonietta.common.errors import Conflict, Problem


class Damaged(Problem):
    """The bytes are missing, or not what their row says. They are never served silently."""

    status, title, slug = 500, "The stored bytes are damaged", "damaged"


class Busy(Conflict):
    """Somebody else is writing to it at the moment."""
