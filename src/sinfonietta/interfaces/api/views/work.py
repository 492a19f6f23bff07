"""Background work, and the account of who did what."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView, listing
from sinfonietta.jobs import queries, services
from sinfonietta.library.queries import audit_of


class JobsView(HouseView):
    @extend_schema(parameters=[s.Paging], responses=s.page_of(s.JobShape))
    def get(self, request: Request) -> Response:
        """The caller's jobs, newest first."""
        page = queries.jobs(actor=self.actor, **self.asked(s.Paging))
        return listing(request, page, [shapes.job(job) for job in page.items])


class JobView(HouseView):
    @extend_schema(responses=s.JobShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One job as it stands."""
        return Response(shapes.job(queries.job(actor=self.actor, uid=uid)))


class CancelView(HouseView):
    @extend_schema(request=None, responses=s.JobShape)
    def post(self, request: Request, uid: UUID) -> Response:
        """Ask a job to end; one that has ended stays as it is."""
        return Response(shapes.job(services.cancel(actor=self.actor, uid=uid)))


class AuditView(HouseView):
    @extend_schema(parameters=[s.AuditListing], responses=s.page_of(s.EventShape))
    def get(self, request: Request) -> Response:
        """Events: all for auditors, those of a node for who manages it."""
        asked = self.asked(s.AuditListing)
        page = audit_of(actor=self.actor, by=asked.pop("actor", None), **asked)
        return listing(request, page, [shapes.event(event) for event in page.items])
