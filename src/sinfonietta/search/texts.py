"""Which files have text inside that is searched."""

from __future__ import annotations

from sinfonietta.library.models import Node

READABLE: frozenset[str] = frozenset()


def is_readable(node: Node) -> bool:
    """Whether a file's content is of a kind that text is read from."""
    return node.kind == Node.Kind.FILE and node.media_type in READABLE
