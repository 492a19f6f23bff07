"""Search: hits, counts, CSV, and searches that are kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.common.paging import Page
from sinfonietta.interfaces.api import search as shapes
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api.base import HouseView, listing
from sinfonietta.interfaces.http.tables import CSV, hits_as_csv
from sinfonietta.search import facets, queries, services


class SearchView(HouseView):
    @extend_schema(parameters=[shapes.Asked], responses=shapes.ResultsShape)
    def get(self, request: Request) -> Response:
        """What a query finds among all that the caller may read, the newest first."""
        asked = self.asked(shapes.Asked)
        found = queries.search(
            actor=self.actor, limit=asked["limit"], cursor=asked.get("cursor"), **shapes.question(asked)
        )
        answer = listing(request, Page(found.hits, found.next), shapes.hits(found.hits))
        answer.data |= {"relaxed": found.relaxed, "did_you_mean": list(found.instead)}
        return answer


class FacetsView(HouseView):
    @extend_schema(parameters=[shapes.Question], responses=shapes.FacetsShape)
    def get(self, request: Request) -> Response:
        """How many of the hits are of which type, modality, collection, year, ...: of the newest 10,000."""
        return Response(shapes.facets(facets.facets(actor=self.actor, **shapes.question(self.asked(shapes.Question)))))


class SearchCsvView(HouseView):
    @extend_schema(parameters=[shapes.Question], responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponseBase:
        """The hits as a table, streamed; at most 100,000."""
        hits = queries.every(actor=self.actor, **shapes.question(self.asked(shapes.Question)))
        return StreamingHttpResponse(hits_as_csv(hits), headers=CSV)


class SavedSearchesView(HouseView):
    @extend_schema(responses=s.page_of(shapes.SavedSearchShape))
    def get(self, request: Request) -> Response:
        """The searches that the caller keeps."""
        found = queries.saved(actor=self.actor)
        return listing(request, Page(found, None), [shapes.saved(one) for one in found])

    @extend_schema(request=shapes.NewSavedSearch, responses={201: shapes.SavedSearchShape})
    def post(self, request: Request) -> Response:
        """Keep a search; one of that name asks this from now on."""
        said: dict[str, Any] = self.said(shapes.NewSavedSearch)
        saved = services.save(actor=self.actor, **said)
        shape = shapes.saved(saved)
        return Response(shape, status=status.HTTP_201_CREATED, headers={"Location": shape["url"]})


class SavedSearchView(HouseView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """Keep it no longer."""
        services.forget(actor=self.actor, uid=uid)
        return Response(status=status.HTTP_204_NO_CONTENT)
