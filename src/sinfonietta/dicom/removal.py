"""Studies, series and instances to the trash, as the files that they are."""

from __future__ import annotations

from collections.abc import Mapping

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Forbidden, NotFound
from sinfonietta.dicom import queries
from sinfonietta.library import access
from sinfonietta.library import services as library
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Level, Node


def trash(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> None:
    """A study, a series or an instance to the trash, as far as the actor sees it below the root: all of it, or nothing.

    A fileset that holds nothing else goes as a whole, so that it comes back as one. Raises NotFound, Forbidden where
    some of it is not theirs to write.
    """
    with writing():
        found = queries.all_files(actor=actor, root=root, keys=keys)
        by_container: dict[int, list[Node]] = {}
        for node in found:
            by_container.setdefault(node.parent_id or 0, []).append(node)
        for container_id, nodes in by_container.items():
            container = Node.objects.select_related("parent").get(id=container_id)
            if (root is None or container.id != root.id) and _goes_whole(actor, container, len(nodes)):
                library.trash(actor=actor, uid=container.uid)
            else:
                for node in nodes:
                    library.trash(actor=actor, uid=node.uid)


def _goes_whole(actor: Actor, container: Node, files: int) -> bool:
    """Whether a container is a fileset of nothing but these files, and the actor may take it away."""
    if container.kind != Node.Kind.FILESET or container.children.filter(trash=None).count() != files:
        return False
    try:
        return container.parent is not None and bool(access.require(actor, container.parent.uid, Level.WRITE))
    except (NotFound, Forbidden):
        return False  # it was shared as it is: its files may go, it stays
