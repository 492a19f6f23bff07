"""Who is at the other end of an association, for as long as it lasts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit.services import record_read
from sinfonietta.dicom.network import commands
from sinfonietta.dicom.network.association import Association, Message
from sinfonietta.dicom.peers import queries
from sinfonietta.dicom.peers.queries import Admitted
from sinfonietta.interfaces.dimse.batches import Batches
from sinfonietta.library.models import Node

FRESH_S = 1.0
COMMENT_LENGTH = 64


class Gone(Exception):
    """The node was removed, or its account closed, while it was connected."""


@dataclass
class Session:
    """An association with what we know of who asked for it."""

    association: Association
    admitted: Admitted
    address: str
    over_tls: bool
    request: str
    batches: Batches
    _looked: float = field(default_factory=time.monotonic)

    @property
    def actor(self) -> Actor:
        """The account as it stands, at most a second ago. Raises Gone."""
        if time.monotonic() - self._looked > FRESH_S:
            title = self.admitted.peer.ae_title
            again = queries.admit(ae_title=title, address=self.address, over_tls=self.over_tls, request=self.request)
            if again is None:
                raise Gone
            self.admitted, self._looked = again, time.monotonic()
        return self.admitted.actor

    @property
    def target(self) -> UUID:
        """Where its instances go."""
        return self.admitted.target

    def answer(
        self, message: Message, status: int, comment: str = "", more: Mapping[str, int | str] | None = None
    ) -> None:
        """Answer a request without a dataset."""
        said = dict(more or {})
        if comment:
            said["ErrorComment"] = comment[:COMMENT_LENGTH].replace("\\", "/")
        self.association.send(message.context, commands.response(message.command, status, **said))

    def audit(self, action: str, node: Node, **detail: str) -> None:
        """Note a read of a container; reads of one thing within a second are one event."""
        collection = Node.objects.filter(id=node.collection_id).values_list("uid", flat=True).first()
        record_read(actor=self.actor, action=action, target=node.uid, collection=collection, **detail)

    def drop(self, message: Message) -> None:
        """Read over the dataset of a message."""
        if message.has_dataset:
            for _ in self.association.fragments(message):
                pass
