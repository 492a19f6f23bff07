"""What can be shown of a file, and where."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom import queries as dicom
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.library import queries
from sinfonietta.library.models import Node, Version
from sinfonietta.previews.kinds import showable


def _has_image(actor: Actor, uid: UUID) -> bool:
    try:
        return dicom.of_file(actor=actor, uid=uid).frames > 0
    except NotFound:
        return False


class PreviewView(HouseView):
    @extend_schema(responses=s.PreviewShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """The kinds by which the file can be shown, the best first, each with its address."""
        entry = queries.node(actor=self.actor, uid=uid)
        if entry.kind != Node.Kind.FILE:
            raise NotFound
        is_dicom = entry.media_type == shapes.DICOM and entry.state != Version.State.QUARANTINED
        has_image = is_dicom and _has_image(self.actor, uid)
        found = showable(entry.media_type, entry.size_bytes or 0, entry.state, has_image=has_image)
        return Response(
            {"kinds": found.kinds, "links": shapes.preview_links(entry, found.kinds), "reason": found.reason}
        )
