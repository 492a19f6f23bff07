"""Other DICOM nodes: who they are, and work with them."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.dicom.peers import queries, services
from sinfonietta.interfaces.api import peers as p
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView
from sinfonietta.jobs.models import Job


class PeersView(HouseView):
    @extend_schema(responses=s.page_of(p.PeerShape))
    def get(self, request: Request) -> Response:
        """The DICOM nodes in whose place the caller may write; all of them for administrators."""
        return Response({"results": [p.peer(row) for row in queries.peers(actor=self.actor)], "next": None})

    @extend_schema(request=p.NewPeer, responses={201: p.PeerShape})
    def post(self, request: Request) -> Response:
        """Let a DICOM node talk to us, with the rights of an account. For administrators."""
        made = services.create_peer(actor=self.actor, **self.said(p.NewPeer))
        return Response(p.peer(made), status=status.HTTP_201_CREATED, headers={"Location": f"/api/v1/peers/{made.uid}"})


class PeerView(HouseView):
    @extend_schema(responses=p.PeerShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One DICOM node."""
        return Response(p.peer(queries.peer(actor=self.actor, uid=uid)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """Forget a DICOM node; its associations end. For administrators."""
        services.remove_peer(actor=self.actor, uid=uid)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EchoView(HouseView):
    @extend_schema(request=None, responses=p.EchoShape)
    def post(self, request: Request, uid: UUID) -> Response:
        """Does the node answer (C-ECHO)? 503 with the reason where it does not."""
        services.echo(actor=self.actor, uid=uid)
        return Response({"answers": True})


class QueryView(HouseView):
    @extend_schema(request=p.NewQuery, responses=p.FoundsShape)
    def post(self, request: Request, uid: UUID) -> Response:
        """Ask the node for its studies, or for the series of one (C-FIND)."""
        said = self.said(p.NewQuery)
        answers = services.query(actor=self.actor, uid=uid, asked=said, limit=said["limit"])
        return Response({"results": answers.rows, "more": answers.more})


class SendView(HouseView):
    @extend_schema(request=p.NewSend, responses={202: s.JobShape})
    def post(self, request: Request, uid: UUID) -> Response:
        """Send what is below a node, or a study, to the node, as a job (C-STORE)."""
        said = self.said(p.NewSend)
        job = services.send(
            actor=self.actor, uid=uid, node=said.get("node"), study=said.get("study", ""), root=said.get("within")
        )
        return accepted(job)


class FetchView(HouseView):
    @extend_schema(request=p.NewFetch, responses={202: s.JobShape})
    def post(self, request: Request, uid: UUID) -> Response:
        """Fetch a study or series from the node, as a job (C-GET, else C-MOVE)."""
        return accepted(services.fetch(actor=self.actor, uid=uid, **self.said(p.NewFetch)))


class MirrorView(HouseView):
    @extend_schema(request=p.NewMirror, responses={202: s.JobShape})
    def post(self, request: Request, uid: UUID) -> Response:
        """Fetch all studies of the node that match and are not here, or not whole, as a job."""
        said = self.said(p.NewMirror)
        return accepted(services.mirror(actor=self.actor, uid=uid, asked=said, node=said.get("node")))

    @extend_schema(request=p.MirrorSchedule, responses=p.PeerShape)
    def put(self, request: Request, uid: UUID) -> Response:
        """Mirror the node every so many hours, as its account, into its place; or no more."""
        hours = self.said(p.MirrorSchedule)["every_h"]
        return Response(p.peer(services.mirror_every(actor=self.actor, uid=uid, hours=hours)))


def accepted(job: Job) -> Response:
    """202 with the job and its address."""
    return Response(shapes.job(job), status=status.HTTP_202_ACCEPTED, headers={"Location": shapes.job_url(job)})
