"""DICOM objects that are more than an image: reports, doses, documents, segmentations, PET in SUV."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.dicom.radiation.sums import unstated
from sinfonietta.interfaces.api import objects as o
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.interfaces.http.content import disposition
from sinfonietta.previews import doses, overlays, reports


class ReportView(HouseView):
    @extend_schema(
        parameters=[OpenApiParameter("at", str, description="Only what is below this place, such as `0.3.1`")],
        responses=o.ReportShape,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """A structured report as a tree. A large one is given level by level: `more` items lie below a `place`."""
        found = reports.report(actor=self.actor, uid=uid, at=request.query_params.get("at", "")[:200])
        return Response(shapes.report(found))


class IrradiationView(HouseView):
    @extend_schema(responses=o.IrradiationShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """A radiation dose report: its irradiation events, and totals with one unit for each quantity."""
        found = reports.irradiation(actor=self.actor, uid=uid)
        return Response(shapes.irradiation(found, unstated(found)))


class DocumentView(HouseView):
    @extend_schema(responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)})
    def get(self, request: Request, uid: UUID) -> StreamingHttpResponse:
        """The document inside a DICOM file (PDF, CDA, STL and others), under its own media type."""
        found = reports.document(actor=self.actor, uid=uid)
        headers = {
            "Content-Disposition": disposition("attachment", found.name),
            "Content-Length": str(found.size_bytes),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingHttpResponse(found.content, content_type=found.media_type, headers=headers)


class SegmentsView(HouseView):
    @extend_schema(responses=o.SegmentsShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """A segmentation: its segments, and those of its images that the caller may see."""
        found, over = overlays.segmentation(actor=self.actor, uid=uid)
        return Response(shapes.segments(uid, found, over))


class SuvView(HouseView):
    @extend_schema(parameters=[o.SpotQuery], responses=o.SuvShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """What a PET image is in SUV by body weight, or why there is none; with `row` and `column`, a value."""
        asked = self.asked(o.SpotQuery)
        found = overlays.pet(actor=self.actor, uid=uid)
        shape = shapes.suv(uid, found)
        if "row" in asked:
            value, unit = overlays.value(actor=self.actor, uid=uid, **asked)
            shape |= {"value": value, "unit": unit}
        return Response(shape)


PATIENT = [
    OpenApiParameter("patient", str, description="Only of this Patient ID"),
    OpenApiParameter("issuer", str, description="Issuer of that Patient ID"),
]


def _patient(request: Request) -> tuple[str, str] | None:
    asked = request.query_params
    return (asked["patient"], asked.get("issuer", "")) if "patient" in asked else None


class DosesView(HouseView):
    @extend_schema(parameters=PATIENT, responses=o.DosesShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """What the dose reports below a collection, folder or fileset come to, as far as the caller may read them.

        An irradiation that several reports tell of counts once.
        """
        found, tables, _ = doses.of_place(actor=self.actor, uid=uid, patient=_patient(request))
        return Response(doses.as_object(found, tables))


class DosesCsvView(HouseView):
    @extend_schema(parameters=PATIENT, responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """The same as CSV, one line for each patient and quantity."""
        found, _, _ = doses.of_place(actor=self.actor, uid=uid, patient=_patient(request))
        headers = {"Content-Disposition": disposition("attachment", "doses.csv"), "X-Content-Type-Options": "nosniff"}
        return HttpResponse(doses.as_csv(found), content_type="text/csv; charset=utf-8", headers=headers)
