"""A collection with one of everything in it, and browsers of people."""

from __future__ import annotations

import io
from dataclasses import dataclass

from django.test import Client
from pydicom.data import get_testdata_file

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import User
from sinfonietta.ingest import services as ingest
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

CT = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def browser_of(actor: Actor) -> Client:
    """A browser in which that person is signed in."""
    client = Client(headers={"Accept": "text/html"})
    client.force_login(User.objects.get(pk=actor.user_id))
    return client


@dataclass
class Place:
    """The collection and what is in it."""

    collection: Node
    folder: Node
    dicom: Node
    text: Node
    image: Node
    page: Node


def shared_place(owner: Actor, reader: str) -> Place:
    """A collection of the owner's that the reader may read, and nobody else."""
    collection = services.create_collection(actor=owner, name="Lung study", description="All of the lungs")
    services.set_grants(actor=owner, uid=collection.uid, inherit=False, grants=[("user", reader, Level.READ)])

    def put(name: str, content: bytes) -> Node:
        return ingest.put(actor=owner, parent_uid=collection.uid, name=name, stream=io.BytesIO(content)).node

    with open(str(get_testdata_file("CT_small.dcm", download=False)), "rb") as stream:
        dicom = put("ct.dcm", stream.read())
    return Place(
        collection=collection,
        folder=services.create_folder(actor=owner, parent=collection.uid, name="Reports"),
        dicom=dicom,
        text=put("note.txt", b"a note <b>of</b> mine"),
        image=put("dot.png", PNG),
        page=put("page.html", b"<!doctype html><html><script>alert(1)</script></html>"),
    )
