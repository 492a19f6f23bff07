"""Looking into archives, and unpacking them."""

from __future__ import annotations

from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.archives import queries, services
from sinfonietta.common.errors import Unavailable
from sinfonietta.interfaces.api import archives as a
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView, listing
from sinfonietta.interfaces.api.views.files import AnyAnswer, RawBytes
from sinfonietta.interfaces.http.entries import HEADER, password_of, serve_entry
from sinfonietta.jobs.models import Job


def _accepted(job: Job) -> Response:
    return Response(
        shapes.job(job), status=status.HTTP_202_ACCEPTED, headers={"Location": shapes.job_url(job), "Retry-After": "1"}
    )


class EntriesView(HouseView):
    @extend_schema(parameters=[a.EntryListing], responses={200: s.page_of(a.EntryShape), 202: s.JobShape})
    def get(self, request: Request, uid: UUID) -> Response:
        """What is in an archive (zip, tar, 7z), flat and in its order; 202 while a large one is read the first time."""
        asked = self.asked(a.EntryListing)
        looked = queries.look(actor=self.actor, uid=uid)
        if looked.job:
            return _accepted(looked.job)
        page = queries.entries(actor=self.actor, looked=looked, **asked)
        return listing(request, page, [a.entry(found) for found in page.items])


class EntryView(HouseView):
    content_negotiation_class = AnyAnswer
    renderer_classes = (RawBytes, JSONRenderer)

    @extend_schema(
        parameters=[OpenApiParameter(HEADER, str, "header", description="Of an encrypted entry; percent-encoded")],
        responses={(200, "*/*"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uid: UUID, name: str) -> HttpResponseBase:
        """The bytes of one entry by its whole name; of several of one name, the last."""
        looked = queries.look(actor=self.actor, uid=uid)
        if looked.job:
            raise Unavailable("The archive is being read; try again shortly.")
        password = password_of(request._request)
        content = queries.content(actor=self.actor, looked=looked, name=name, password=password)
        return serve_entry(request._request, content)

    head = get


class ExtractView(HouseView):
    @extend_schema(request=a.Extraction, responses={202: s.JobShape})
    def post(self, request: Request, uid: UUID) -> Response:
        """Unpack an archive by a job, whose `result` says where to, how much, and what was skipped and why."""
        said = self.said(a.Extraction)
        return _accepted(services.unpack(actor=self.actor, uid=uid, **said))
