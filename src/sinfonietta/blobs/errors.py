"""What can be wrong with stored bytes."""

from __future__ import annotations

from sinfonietta.common.errors import Problem


class Damaged(Problem):
    """The bytes are missing, or not what their row says. They are never served silently."""

    status, title, slug = 500, "The stored bytes are damaged", "damaged"
