"""Files: their content, versions and what can be shown of them."""

from __future__ import annotations

import base64
import binascii
import re
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.common.errors import Invalid, Problem
from sinfonietta.ingest import services as ingest
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.interfaces.api.views.collections import OneOfKind
from sinfonietta.interfaces.http.bodies import body_of
from sinfonietta.interfaces.http.content import serve_blob
from sinfonietta.interfaces.http.streams import long_stream
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node

DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]*):(?:;.*)?")
ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


class AnyType(BaseParser):
    """Leaves the body alone: it is read as a stream."""

    media_type = "*/*"


class RawBytes(BaseRenderer):
    """Names the media type in the document; bytes are sent by ``serve_blob``."""

    media_type = "application/octet-stream"
    format = "bytes"


class AnyAnswer(BaseContentNegotiation):
    """A file is what it is, whatever the client says it accepts."""

    def select_renderer(self, request, renderers, format_suffix=None):  # type: ignore[no-untyped-def]
        """The first renderer."""
        return renderers[0], renderers[0].media_type

    def select_parser(self, request, parsers):  # type: ignore[no-untyped-def]
        """The first parser."""
        return parsers[0]


class FileView(OneOfKind):
    kind = Node.Kind.FILE

    @extend_schema(responses=s.FileShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One file, as its current version."""
        return super().get(request, uid)

    @extend_schema(request=s.ChangedNode, responses=s.FileShape)
    def patch(self, request: Request, uid: UUID) -> Response:
        """Rename it."""
        return self.renamed(uid)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """To the trash."""
        return super().delete(request, uid)


class NamedFileView(HouseView):
    parser_classes = (AnyType,)
    takes_a_stream = True

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: s.FileShape, 201: s.FileShape, 412: s.S},
        parameters=[
            OpenApiParameter("Content-Digest", str, "header", description="`sha-256=:BASE64:` (RFC 9530), checked"),
            OpenApiParameter("If-None-Match", str, "header", description="`*`: only if there is no such file"),
            OpenApiParameter("If-Match", str, "header", description="Only if the current version has this ETag"),
        ],
    )
    def put(self, request: Request, uid: UUID, name: str) -> Response:
        """Store the body as a file: 201 new, 200 a new version of the file of that name."""
        _refuse_parts_and_codings(request)
        stream, length = body_of(request._request)
        with long_stream(length):
            filed = ingest.put(
                actor=self.actor,
                parent_uid=uid,
                name=name,
                stream=stream,
                length=length,
                digest=_digest(request.headers.get("Content-Digest")),
                if_none_match=_only_if_new(request.headers.get("If-None-Match")),
                if_match=_entity_tag(request.headers.get("If-Match")),
            )
        entry = queries.node(actor=self.actor, uid=filed.node.uid)
        new = filed.created and filed.version.number == 1
        return Response(
            shapes.node(entry),
            status=status.HTTP_201_CREATED if new else status.HTTP_200_OK,
            headers={"ETag": f'"{entry.sha256}"'} | ({"Location": shapes.url(entry)} if new else {}),
        )


class ContentView(HouseView):
    content_negotiation_class = AnyAnswer
    renderer_classes = (RawBytes, JSONRenderer)

    @extend_schema(
        parameters=[s.OneVersion, OpenApiParameter("Range", str, "header")],
        responses={
            (200, "*/*"): OpenApiTypes.BINARY,
            (206, "*/*"): OpenApiTypes.BINARY,
            304: None,
            412: None,
            416: None,
        },
    )
    def get(self, request: Request, uid: UUID) -> HttpResponseBase:
        """The bytes of a version: ranges and conditions of RFC 9110, the ETag is the SHA-256."""
        version = queries.version(actor=self.actor, uid=uid, number=self.asked(s.OneVersion).get("version"))
        queries.note_read(actor=self.actor, action="file.read", node=version.node, version=version.number)
        return serve_blob(
            request._request,
            version.blob,
            name=version.node.name,
            media_type=version.media_type,
            modified=version.created,
        )

    head = get


class VersionsView(HouseView):
    @extend_schema(responses=s.page_of(s.VersionShape))
    def get(self, request: Request, uid: UUID) -> Response:
        """All versions that are kept, newest first."""
        versions = queries.versions(actor=self.actor, uid=uid)
        return Response({"results": [shapes.version(version) for version in versions], "next": None})


class RestoreVersionView(HouseView):
    @extend_schema(request=None, responses=s.FileShape)
    def post(self, request: Request, uid: UUID, number: int) -> Response:
        """Make an old version the current one, as a new version with its bytes."""
        services.restore_version(actor=self.actor, uid=uid, number=number)
        return Response(shapes.node(queries.node(actor=self.actor, uid=uid)))


class WrongDigest(Problem):
    status, title, slug = 400, "Content-Digest cannot be read", "bad-digest"


class PartialPut(Problem):
    status, title, slug = 400, "Not a part", "partial-put"


class CodedContent(Problem):
    status, title, slug = 415, "Content coding not supported", "coded-content"


def _refuse_parts_and_codings(request: Request) -> None:
    """What is sent becomes the file as it is: a part of it, or a compressed form, is something else (RFC 9110)."""
    if "Content-Range" in request.headers:
        raise PartialPut("A file is put as a whole; resumable uploads go to /api/v1/uploads/.")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise CodedContent("Send the file's own bytes, without a Content-Encoding.")


def _digest(header: str | None) -> str | None:
    """The SHA-256 of a Content-Digest header (RFC 9530) as hex; other algorithms are not checked.

    Raises WrongDigest when one is named and cannot be read: a check that was asked for is never left out.
    """
    named = [member.strip() for member in (header or "").split(",") if member.strip().startswith("sha-256")]
    if not named:
        return None
    match = DIGEST.fullmatch(named[-1])
    try:
        digest = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error as error:
        raise WrongDigest("The sha-256 of Content-Digest is not base64.") from error
    if len(digest) != 32:
        raise WrongDigest("The sha-256 of Content-Digest has not 32 bytes.")
    return digest.hex()


def _only_if_new(header: str | None) -> bool:
    """Whether If-None-Match is ``*``. Raises Invalid for anything else, rather than ignoring a condition."""
    if header is not None and header.strip() != "*":
        raise Invalid("If-None-Match must be *.", errors={"If-None-Match": ["must be *"]})
    return header is not None


def _entity_tag(header: str | None) -> str | None:
    """The entity tag that If-Match names, without quotes, or ``*``. Raises Invalid where it is not exactly one.

    A weak tag matches nothing here (RFC 9110 13.1.1), so it keeps its mark.
    """
    if header is None or header.strip() == "*":
        return header and "*"
    match = ENTITY_TAG.fullmatch(header.strip())
    if not match:
        raise Invalid("If-Match must be one ETag.", errors={"If-Match": ["not one ETag"]})
    return (match[1] or "") + match[2]
