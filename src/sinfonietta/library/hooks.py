"""How higher rooms keep an index true, or tell of what is shared: called inside the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor
    from sinfonietta.library.models import Level, Node, Version

New = tuple["Node", "Version", Mapping[str, object]]


class Indexer(Protocol):
    """Follows files. What lies below a container follows the container: it is not told file by file."""

    def filed(self, node: Node, version: Version, facts: Mapping[str, object]) -> None:
        """A file has a new current version; ``facts`` is what the inspectors learned of its bytes."""

    def hidden(self, node_ids: Sequence[int]) -> None:
        """These files left their container: to the trash, or to be moved."""

    def shown(self, node_ids: Sequence[int]) -> None:
        """These files are (again) in their container, which may be another one than before."""

    def copied(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Each second file is a new copy of the first, with the same bytes."""

    def purged(self, node_ids: Sequence[int]) -> None:
        """These files are about to be deleted for ever."""


class BatchIndexer(Indexer, Protocol):
    """One that has a quicker way for several files."""

    def filed_new(self, files: Sequence[New]) -> None:
        """As ``filed``, of several files that are all new."""


def filed_new(files: Sequence[New]) -> None:
    """Tell all indexers of several new files."""
    for indexer in indexers():
        if several := getattr(indexer, "filed_new", None):
            several(files)
        else:
            for node, version, facts in files:
                indexer.filed(node, version, facts)


@lru_cache
def indexers() -> tuple[Indexer, ...]:
    """The indexers that ``config.rooms`` names."""
    return tuple(import_string(path)() for path in settings.INDEXERS)


def granted(actor: Actor, node: Node, levels: Mapping[int, Level]) -> None:
    """Principals that had no right to the node by an entry of their own now have these: ``config.rooms.GRANTED``."""
    for path in settings.GRANTED if levels else ():
        import_string(path)(actor, node, levels)
