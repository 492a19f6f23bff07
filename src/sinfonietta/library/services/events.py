"""The audit event of a write to the library."""

from __future__ import annotations

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import services as audit
from sinfonietta.library.models import Node


def record(actor: Actor, action: str, node: Node, **detail: object) -> None:
    """Note what was done to a node, in the transaction that does it."""
    collection = (
        node.uid if not node.ancestry else Node.objects.values_list("uid", flat=True).get(id=node.collection_id)
    )
    audit.record(actor=actor, action=action, target=node.uid, collection=collection, **detail)
