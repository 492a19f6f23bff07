"""Radiotherapy: contours and dose over an image, histograms, plans; what belongs together."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.audit.services import record_read
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.dicom import queries
from sinfonietta.dicom.planning import belonging, histograms, layers, objects
from sinfonietta.dicom.planning.belonging import DOSE, PLAN, STRUCTURES, Planning
from sinfonietta.dicom.rt import drawing
from sinfonietta.interfaces.api import radiotherapy as r
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.interfaces.api.views.files import AnyAnswer
from sinfonietta.library.models import Node

PLACES = [Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET]


class RtView(HouseView):
    """A view of RT objects."""

    def planning(self, uid: UUID, asked: dict[str, Any]) -> Planning:
        """What belongs to the object, in the container that was asked or the topmost around it."""
        within = asked.get("within")
        root = (
            queries.root(actor=self.actor, uid=within, kinds=PLACES)
            if within
            else belonging.root_of(actor=self.actor, uid=uid)
        )
        wishes = {kind: asked[kind] for kind in (STRUCTURES, DOSE) if kind in asked}
        return belonging.find(actor=self.actor, uid=uid, root=root, wishes=wishes)


class BelongingView(RtView):
    @extend_schema(parameters=[r.Partner], responses=r.BelongingShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """What belongs to an RT object: structure set, plan, dose, and the images to draw on in order."""
        found = self.planning(uid, self.asked(r.Partner))
        members = {kind: getattr(found, kind) for kind in (STRUCTURES, PLAN, DOSE)}
        slices = [{"id": str(one.uid), "frame": one.frame, "position_mm": one.position_mm} for one in found.slices]
        return Response(
            {kind: member and str(member.uid) for kind, member in members.items()}
            | {"kind": found.opened.kind, "spacing_mm": found.spacing_mm, "slices": slices, "notes": found.notes}
        )


class ContoursView(RtView):
    @extend_schema(parameters=[r.OnPlane], responses=r.ContoursShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """The regions of a structure set; with ``on`` or ``plane`` their outlines there, in pixels."""
        asked = self.asked(r.OnPlane)
        if "on" in asked or "plane" in asked:
            shape = r.outlines(*layers.outlines(actor=self.actor, uid=uid, place=r.place_of(asked)))
        else:
            shape = r.structure_set(layers.structure_set(actor=self.actor, uid=uid))
        record_read(actor=self.actor, action="contours.shown", target=uid)
        return Response(shape)


class DoseView(RtView):
    @extend_schema(parameters=[r.OnImageWithLevels], responses=r.DoseShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """A dose; with ``on`` also its values over that image, and isodose lines in pixels."""
        asked = self.asked(r.OnImageWithLevels)
        shape = r.dose_grid(layers.dose_grid(actor=self.actor, uid=uid))
        if "on" in asked:
            found = layers.dose(actor=self.actor, uid=uid, place=r.place_of(asked))
            shape |= r.dose_slice(found, asked["levels"])
        record_read(actor=self.actor, action="dose.shown", target=uid)
        return Response(shape)


class DosePictureView(RtView):
    content_negotiation_class = AnyAnswer

    @extend_schema(parameters=[r.Wash], responses={(200, "image/png"): OpenApiTypes.BINARY})
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """The colour wash over the part of an image that ``values`` of the dose names; clear where there is none."""
        asked = self.asked(r.Wash)
        found = layers.dose(actor=self.actor, uid=uid, place=r.place_of(asked))
        record_read(actor=self.actor, action="dose.shown", target=uid)
        picture = drawing.wash(found.values, asked.get("top") or found.grid.highest)
        headers = {"Cache-Control": "private, max-age=300", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(picture, content_type="image/png", headers=headers)


class HistogramView(RtView):
    @extend_schema(parameters=[r.Partner], responses={200: r.HistogramShape, 202: s.JobShape})
    def get(self, request: Request, uid: UUID) -> Response:
        """Histograms of a structure set in a dose, of which the file is one.

        What has not been computed yet is asked for: 202 with the job; ask again when it has ended.
        """
        pair = self.pair(uid)
        result = histograms.known(pair)
        if result is not None:
            record_read(actor=self.actor, action="histogram.shown", target=uid)
            return Response(result)
        job = histograms.ask(actor=self.actor, found=pair)
        return Response(shapes.job(job), status=status.HTTP_202_ACCEPTED, headers={"Location": shapes.job_url(job)})

    def pair(self, uid: UUID) -> histograms.Pair:
        """Structure set and dose. Raises NotFound, Invalid."""
        asked = self.asked(r.Partner)
        found = self.planning(uid, asked)
        if found.structures is None:
            raise Invalid("There is no structure set that belongs to it.")
        return histograms.pair(
            actor=self.actor, structures=found.structures.uid, dose=found.dose.uid if found.dose else None
        )


class HistogramCsvView(HistogramView):
    content_negotiation_class = AnyAnswer

    @extend_schema(
        parameters=[r.Partner], responses={(200, "text/csv"): OpenApiTypes.STR, (202, "application/json"): s.JobShape}
    )
    def get(self, request: Request, uid: UUID) -> Response | HttpResponse:  # type: ignore[override]
        """The same as a table: one line for each dose, one column of cm3 for each structure."""
        result = histograms.known(self.pair(uid))
        if result is None:
            return super().get(request, uid)
        record_read(actor=self.actor, action="histogram.shown", target=uid)
        headers = {"Content-Disposition": 'attachment; filename="histogram.csv"', "X-Content-Type-Options": "nosniff"}
        return HttpResponse(r.histogram_csv(result), content_type="text/csv; charset=utf-8", headers=headers)


class PlanView(RtView):
    @extend_schema(responses=r.PlanShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """A plan as tables: prescriptions, fraction groups, beams with their control points, setup, brachytherapy."""
        row = belonging.instance(actor=self.actor, uid=uid, kinds=[PLAN])
        record_read(actor=self.actor, action="plan.shown", target=uid)
        return Response(r.treatment_plan(objects.treatment_plan(row)))


class BeamView(RtView):
    @extend_schema(parameters=[r.PointOfBeam], responses=r.BeamViewShape)
    def get(self, request: Request, uid: UUID, number: int) -> Response:
        """What a beam sees at a control point, in mm at the isocentre (IEC 61217): jaws, leaves, targets."""
        asked = self.asked(r.PointOfBeam)
        if number > 2**31 - 1:
            raise NotFound
        view = layers.beam_view(
            actor=self.actor, plan=uid, number=number, point=asked["point"], structures=asked.get("structures")
        )
        return Response(r.beam_view(view))
