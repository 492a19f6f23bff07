"""What can be shown of a file, and where."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom import queries as dicom
from sinfonietta.dicom.planning import belonging
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.library import queries
from sinfonietta.library.models import Node, Version
from sinfonietta.previews.kinds import showable
from sinfonietta.previews.objects import kinds_of


def _of_dicom(actor: Actor, uid: UUID) -> tuple[bool, tuple[str, ...]]:
    """Whether a DICOM file has an image, and what else can be shown of it."""
    try:
        found = dicom.of_file(actor=actor, uid=uid)
    except NotFound:
        return False, ()
    return found.frames > 0, kinds_of(found.row) if found.row else ()


class PreviewView(HouseView):
    @extend_schema(responses=s.PreviewShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """The kinds by which the file can be shown, the best first, each with its address."""
        entry = queries.node(actor=self.actor, uid=uid)
        if entry.kind != Node.Kind.FILE:
            raise NotFound
        is_dicom = entry.media_type == shapes.DICOM and entry.state != Version.State.QUARANTINED
        has_image, special = _of_dicom(self.actor, uid) if is_dicom else (False, ())
        found = showable(
            entry.media_type, entry.size_bytes or 0, entry.state, name=entry.name, has_image=has_image, special=special
        )
        rt = belonging.SHOWN.get(belonging.kind_of(actor=self.actor, uid=uid), ()) if is_dicom else ()
        kinds = (*rt, *found.kinds)
        return Response({"kinds": kinds, "links": shapes.preview_links(entry, kinds), "reason": found.reason})
