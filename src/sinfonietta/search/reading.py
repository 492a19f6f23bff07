"""Bringing the text inside files into their documents, one file after the other."""

from __future__ import annotations

import structlog
from django.db import transaction

from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.library.models import Node
from sinfonietta.search import documents, following, keeping, texts
from sinfonietta.search.models import Document

log = structlog.get_logger("sinfonietta.search")


def read_next(after: int = 0) -> int:
    """Read one file whose text is wanted; the id of its node, or 0 when there is none."""
    document = Document.objects.filter(wanted=True, node_id__gt=after).order_by("node_id").first()
    if document is None:
        return 0
    seen = following.newest()
    node = Node.objects.select_related("current__blob").filter(id=document.node_id).first()
    content = _content(node) if node is not None else ""
    version = node.current_id if node else None
    Document.objects.filter(node_id=document.node_id).update(content=content, version=version, wanted=False)
    if node is not None:
        with transaction.atomic():
            keeping.keep(documents.make([node], seen))
    return document.node_id


def _content(node: Node) -> str:
    if node.current is None:
        return ""
    try:
        path = store.default().path(node.current.blob)
        return texts.read(path, node.media_type) if path else ""
    except (Damaged, OSError) as error:
        log.warning("the text of a file cannot be read", node=str(node.uid), problem=type(error).__name__)
        return ""
