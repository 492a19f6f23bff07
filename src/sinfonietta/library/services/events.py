"""The audit event of a write to the library."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import services as audit
from sinfonietta.common import rows
from sinfonietta.library.models import Node


def record(actor: Actor, action: str, node: Node, **detail: object) -> None:
    """Note what was done to a node, in the transaction that does it."""
    audit.record(actor=actor, action=action, target=node.uid, collection=_collection(node), **detail)


def record_all(actor: Actor, action: str, parent: Node, details: Sequence[tuple[Node, dict[str, object]]]) -> None:
    """Note the same of several nodes of one container, each with its detail."""
    said = [(node.uid, detail) for node, detail in details]
    audit.record_all(actor=actor, action=action, collection=_collection(parent), details=said)


def _collection(node: Node) -> UUID:
    if not node.ancestry:
        return node.uid
    ((uid,),) = rows.select("SELECT uid FROM library_node WHERE id = %s", (node.collection_id,))
    return uid if isinstance(uid, UUID) else UUID(uid)
