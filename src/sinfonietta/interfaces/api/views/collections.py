"""Collections, folders and filesets by their own names."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView, listing
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node


class CollectionsView(HouseView):
    @extend_schema(parameters=[s.NodeListing], responses=s.page_of(s.CollectionShape))
    def get(self, request: Request) -> Response:
        """The collections that the caller may read."""
        page = queries.collections(actor=self.actor, **self.asked(s.NodeListing))
        return listing(request, page, shapes.nodes(page.items))

    @extend_schema(request=s.NewCollection, responses={201: s.CollectionShape})
    def post(self, request: Request) -> Response:
        """A new collection; the caller owns it."""
        made = services.create_collection(actor=self.actor, **self.said(s.NewCollection))
        return created(self, made.uid)


class OneOfKind(HouseView):
    """One node that must be of a kind; another kind is not found under this name."""

    kind: str

    def entry(self, uid: UUID) -> queries.Entry:
        """The node. Raises NotFound."""
        entry = queries.node(actor=self.actor, uid=uid)
        if entry.kind != self.kind:
            raise NotFound
        return entry

    def get(self, request: Request, uid: UUID) -> Response:
        """One node."""
        return Response(shapes.node(self.entry(uid)))

    def delete(self, request: Request, uid: UUID) -> Response:
        """To the trash, from where it can be restored until its retention passes."""
        self.entry(uid)
        services.trash(actor=self.actor, uid=uid)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def renamed(self, uid: UUID) -> Response:
        """Give it the name in the body."""
        self.entry(uid)
        services.rename(actor=self.actor, uid=uid, name=self.said(s.ChangedNode)["name"])
        return Response(shapes.node(self.entry(uid)))


class CollectionView(OneOfKind):
    kind = Node.Kind.COLLECTION

    @extend_schema(responses=s.CollectionShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One collection."""
        return super().get(request, uid)

    @extend_schema(request=s.ChangedCollection, responses=s.CollectionShape)
    def patch(self, request: Request, uid: UUID) -> Response:
        """Change name, description, de-identification policy; the quota as an administrator."""
        self.entry(uid)
        services.update_collection(actor=self.actor, uid=uid, **self.said(s.ChangedCollection))
        return self.get(request, uid)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """To the trash."""
        return super().delete(request, uid)


class FolderView(OneOfKind):
    kind = Node.Kind.FOLDER

    @extend_schema(responses=s.NodeShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One folder."""
        return super().get(request, uid)

    @extend_schema(request=s.ChangedNode, responses=s.NodeShape)
    def patch(self, request: Request, uid: UUID) -> Response:
        """Rename it."""
        return self.renamed(uid)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """To the trash."""
        return super().delete(request, uid)


class FilesetView(FolderView):
    kind = Node.Kind.FILESET


class NewFolderView(HouseView):
    @extend_schema(request=s.NewNode, responses={201: s.NodeShape})
    def post(self, request: Request) -> Response:
        """A new folder."""
        return created(self, services.create_folder(actor=self.actor, **self.said(s.NewNode)).uid)


class NewFilesetView(HouseView):
    @extend_schema(request=s.NewNode, responses={201: s.NodeShape})
    def post(self, request: Request) -> Response:
        """A new fileset: files that belong together."""
        return created(self, services.create_fileset(actor=self.actor, **self.said(s.NewNode)).uid)


class OwnersView(HouseView):
    @extend_schema(responses=serializers.ListSerializer(child=serializers.UUIDField()))
    def get(self, request: Request, uid: UUID) -> Response:
        """Ids of the owners, who manage everything below."""
        return Response([str(user.uid) for user in queries.owners(actor=self.actor, uid=uid)])

    @extend_schema(
        request=serializers.ListSerializer(child=serializers.UUIDField()),
        responses={200: serializers.ListSerializer(child=serializers.UUIDField()), 204: None},
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Exactly these owners, at least one."""
        if not isinstance(request.data, list):
            raise Invalid("Send a list of user ids.", errors={"body": ["not a list"]})
        reader = s.Owners(data={"owners": request.data})
        reader.is_valid(raise_exception=True)
        services.set_owners(actor=self.actor, uid=uid, users=reader.validated_data["owners"])
        return self.seen_after(lambda: self.get(request, uid))


def created(view: HouseView, uid: UUID) -> Response:
    """201 with the node and its address."""
    entry = queries.node(actor=view.actor, uid=uid)
    return Response(shapes.node(entry), status=status.HTTP_201_CREATED, headers={"Location": shapes.url(entry)})
