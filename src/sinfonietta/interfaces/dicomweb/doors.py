"""What every view of DICOMweb begins with: who asks, in which root, and at what address that root stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase

from sinfonietta.accounts.actor import Actor
from sinfonietta.dicom import queries
from sinfonietta.interfaces.http import access
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.library.models import Node
from sinfonietta.library.queries import Place, note_read

KINDS = {
    "collections": (Node.Kind.COLLECTION,),
    "folders": (Node.Kind.FOLDER, Node.Kind.FILESET, Node.Kind.COLLECTION),
}
"""What the id in a scoped root may be; a link to a folder keeps working where the folder is a whole collection."""


@dataclass(frozen=True)
class Call:
    """One request to a root. ``root`` is None for all that the actor may read; ``url`` has no slash at its end."""

    request: HttpRequest
    actor: Actor
    root: Node | None
    url: str

    def instance_url(self, study: str, series: str, instance: str) -> str:
        """Where an instance is, in this root."""
        return f"{self.url}/studies/{study}/series/{series}/instances/{instance}"

    def audit(self, action: str, node: Place) -> None:
        """Note a read."""
        note_read(actor=self.actor, action=action, node=node)


def absolute(dataset: Iterable[bytes], instance_url: str) -> Iterator[bytes]:
    """DICOM JSON, in blocks, with its bulk data at our own address.

    A text that imitates the member cannot be hit: inside a JSON string its quotes are escaped.
    """
    relative, ours = b'"BulkDataURI":"bulk/', f'"BulkDataURI":"{instance_url}/bulk/'.encode()
    rest = b""
    for block in dataset:
        text = (rest + block).replace(relative, ours)
        # What may be the beginning of a member waits for the next block.
        safe = max(len(text) - len(relative) + 1, 0)
        yield text[:safe]
        rest = text[safe:]
    yield rest


def door(*methods: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Make a view of a function that takes a ``Call`` and the UIDs of its path."""

    def decorate(function: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @access.signed_in
        @wraps(function)
        def view(request: HttpRequest, kind: str = "", root: UUID | None = None, **path: Any) -> HttpResponseBase:
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return function(call_of(request, kind, root), **path)

        view.methods = methods  # type: ignore[attr-defined]  # the capabilities tell them
        return view

    return decorate


def call_of(request: HttpRequest, kind: str, root: UUID | None) -> Call:
    """Raises NotFound when the root is not there or not the actor's to see."""
    actor = actor_of(request)
    node = queries.root(actor=actor, uid=root, kinds=KINDS[kind]) if root else None
    site = settings.OPTIONS.public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"
    return Call(request, actor, node, f"{site}/dicomweb" + (f"/{kind}/{root}" if root else ""))
