"""Nodes of any kind: found, listed, moved, shared, packed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView, listing
from sinfonietta.interfaces.http.zips import of_manifest, zip_head, zip_response
from sinfonietta.library import queries, services


class ByPathView(HouseView):
    @extend_schema(parameters=[s.ByPath], responses=s.AnyNodeShape)
    def get(self, request: Request) -> Response:
        """The node at a path, which starts at the topmost node that the caller may read."""
        entry = queries.node_at(actor=self.actor, path=self.asked(s.ByPath)["path"])
        return Response(shapes.node(entry))


class NodeView(HouseView):
    @extend_schema(responses=s.AnyNodeShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One node of any type."""
        return Response(shapes.node(queries.node(actor=self.actor, uid=uid)))


class ChildrenView(HouseView):
    @extend_schema(parameters=[s.Children], responses=s.page_of(s.AnyNodeShape))
    def get(self, request: Request, uid: UUID) -> Response:
        """What is directly inside."""
        asked = self.asked(s.Children)
        page = queries.children(actor=self.actor, uid=uid, kind=asked.pop("type", None), **asked)
        return listing(request, page, shapes.nodes(page.items))


class SharedView(HouseView):
    @extend_schema(parameters=[s.NodeListing], responses=s.page_of(s.AnyNodeShape))
    def get(self, request: Request) -> Response:
        """The topmost nodes that others share with the caller."""
        page = queries.shared(actor=self.actor, **self.asked(s.NodeListing))
        return listing(request, page, shapes.nodes(page.items))


class GrantsView(HouseView):
    @extend_schema(responses=s.GrantsShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """Who may what here, and from where that is inherited."""
        return Response(shapes.grants(queries.grants(actor=self.actor, uid=uid)))

    @extend_schema(request=s.Grants, responses={200: s.GrantsShape, 204: None})
    def put(self, request: Request, uid: UUID) -> Response:
        """Give the node its own ACL, exactly this, or (`inherit: true`) let it inherit again."""
        said = self.said(s.Grants)
        services.set_grants(
            actor=self.actor,
            uid=uid,
            inherit=said["inherit"],
            everyone=said["everyone"],
            grants=[shapes.grant_asked(grant) for grant in said["grants"]],
        )
        return self.seen_after(lambda: self.get(request, uid))


class MoveView(HouseView):
    @extend_schema(request=s.Target, responses=s.AnyNodeShape)
    def post(self, request: Request, uid: UUID) -> Response:
        """Move into another node; needs write at both ends. The same parent with another name renames."""
        said = self.said(s.Target)
        services.move(actor=self.actor, uid=uid, parent=said["parent"], name=said.get("name"))
        return Response(shapes.node(queries.node(actor=self.actor, uid=uid)))


class CopyView(HouseView):
    @extend_schema(request=s.Target, responses={201: s.AnyNodeShape, 202: s.JobShape})
    def post(self, request: Request, uid: UUID) -> Response:
        """Copy into another node, sharing the bytes; a large subtree as a job (202)."""
        said = self.said(s.Target)
        copied = services.copy(actor=self.actor, uid=uid, parent=said["parent"], name=said.get("name"))
        if copied.job:
            return Response(
                shapes.job(copied.job),
                status=status.HTTP_202_ACCEPTED,
                headers={"Location": shapes.job_url(copied.job)},
            )
        assert copied.node is not None
        entry = queries.node(actor=self.actor, uid=copied.node.uid)
        return Response(shapes.node(entry), status=status.HTTP_201_CREATED, headers={"Location": shapes.url(entry)})


class RestoreView(HouseView):
    @extend_schema(request=s.Restored, responses=s.AnyNodeShape)
    def post(self, request: Request, uid: UUID) -> Response:
        """Bring back from the trash, to where it was or into another parent."""
        services.restore(actor=self.actor, uid=uid, parent=self.said(s.Restored).get("parent"))
        return Response(shapes.node(queries.node(actor=self.actor, uid=uid)))


class TrashView(HouseView):
    @extend_schema(parameters=[s.Paging], responses=s.page_of(s.TrashShape))
    def get(self, request: Request) -> Response:
        """What the caller may restore, newest first."""
        page = queries.trash(actor=self.actor, **self.asked(s.Paging))
        return listing(request, page, [shapes.trashed(row) for row in page.items])


class PurgeView(HouseView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """Delete for ever what is in the trash; needs manage."""
        services.purge(actor=self.actor, uid=uid)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MetadataView(HouseView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, uid: UUID) -> Response:
        """Free keys with typed values."""
        return Response(queries.metadata(actor=self.actor, uid=uid))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def patch(self, request: Request, uid: UUID) -> Response:
        """Set the keys given (text, number, boolean, ISO date, list of them); null removes one."""
        services.set_metadata(actor=self.actor, uid=uid, changes=shapes.metadata_asked(request.data))
        return self.get(request, uid)


class ArchiveView(HouseView):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, uid: UUID) -> HttpResponseBase:
        """A zip, streamed, of everything below that the caller may read."""
        entry = queries.node(actor=self.actor, uid=uid)
        queries.note_read(actor=self.actor, action="node.archived", node=entry)
        return zip_response(of_manifest(queries.manifest(actor=self.actor, uid=uid)), entry.name)

    def head(self, request: Request, uid: UUID) -> HttpResponseBase:
        """What it would be called; nothing is packed."""
        return zip_head(queries.node(actor=self.actor, uid=uid).name)


class ManifestView(HouseView):
    @extend_schema(responses=s.page_of(s.ManifestRowShape))
    def get(self, request: Request, uid: UUID) -> HttpResponseBase:
        """The list of what the archive would hold; streamed, so there is always one page."""
        rows = queries.manifest(actor=self.actor, uid=uid)

        def lines() -> Any:
            yield b'{"results":['
            for number, row in enumerate(rows):
                yield (b"," if number else b"") + orjson.dumps(shapes.manifest_row(row))
            yield b'],"next":null}'

        return StreamingHttpResponse(lines(), content_type="application/json")


class ChangesView(HouseView):
    @extend_schema(parameters=[s.Since], responses=s.ChangesShape)
    def get(self, request: Request) -> Response:
        """What was added, changed, removed since a point, in order, within the caller's rights."""
        asked = self.asked(s.Since)
        changes = queries.changes(actor=self.actor, since=asked["since"], limit=asked["limit"])
        return Response(shapes.changes(request, changes))
