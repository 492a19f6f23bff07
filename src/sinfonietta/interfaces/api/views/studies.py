"""Studies to take along: zips with a DICOMDIR; series in other forms."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.common.errors import Invalid
from sinfonietta.dicom import queries
from sinfonietta.dicom.exports import services
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import studies as shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.interfaces.api.views.peers import accepted
from sinfonietta.interfaces.http.zips import of_medium, zip_head, zip_response
from sinfonietta.library.models import Node
from sinfonietta.library.queries import note_read

PLACES = [Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET]


class StudiesArchiveView(HouseView):
    def _medium(self) -> queries.Medium:
        asked = self.asked(shapes.Wanted)
        studies, who = asked["study"], None
        if "patient_id" in asked or "patient_name" in asked:
            who = queries.Who(asked.get("patient_id", ""), "" if asked.get("patient_id") else asked["patient_name"])
        if bool(studies) == (who is not None):
            raise Invalid("Name studies, or a patient.", errors={"study": ["this or patient_id"]})
        within = asked.get("within")
        root = queries.root(actor=self.actor, uid=within, kinds=PLACES) if within else None
        return queries.medium(actor=self.actor, root=root, studies=studies, who=who, series=asked.get("series", ""))

    @extend_schema(parameters=[shapes.Wanted], responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request) -> HttpResponseBase:
        """A zip, streamed, of studies, a series or a patient, as a medium with a DICOMDIR (PS3.10)."""
        medium = self._medium()
        for container in medium.containers():
            note_read(actor=self.actor, action="study.archived", node=container)
        return zip_response(of_medium(medium), queries.name_of(medium.studies))

    @extend_schema(exclude=True)
    def head(self, request: Request) -> HttpResponseBase:
        """What it would be called; nothing is packed."""
        return zip_head(queries.name_of(self._medium().studies))


class ExportsView(HouseView):
    @extend_schema(request=shapes.NewExport, responses={202: s.JobShape})
    def post(self, request: Request) -> Response:
        """Make a series into NIfTI, or a structure set into masks or a segmentation, as a job."""
        said = self.said(shapes.NewExport)
        return accepted(services.export(actor=self.actor, root=said.pop("within", None), **said))
