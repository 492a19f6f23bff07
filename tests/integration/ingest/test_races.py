"""Filing among others who file the same bytes, and among the garbage collection of them."""

from __future__ import annotations

import hashlib
import io

import pytest
from tests.integration.library.test_concurrency import together

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.blobs import services as blobs
from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.ingest import services as ingest
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db(transaction=True)
BODY = b"the same bytes"


def put(actor: Actor, place: Node, name: str) -> Node:
    return ingest.put(actor=actor, parent_uid=place.uid, name=name, stream=io.BytesIO(BODY)).node


def test_bytes_that_are_collected_and_filed_at_one_time_are_there(alice: Actor) -> None:
    place = services.create_collection(actor=alice, name="Study")
    for number in range(12):
        old = put(alice, place, "old")
        services.trash(actor=alice, uid=old.uid)
        services.purge(actor=alice, uid=old.uid)
        Blob.objects.update(touched="2020-01-01T00:00:00Z")
        together(
            lambda: blobs.collect(actor=SYSTEM),
            lambda name=f"new {number}": put(alice, place, name),  # type: ignore[misc]
            lambda: blobs.collect(actor=SYSTEM),
        )
        new = queries.node_at(actor=alice, path=f"/Study/new {number}")
        blob = queries.version(actor=alice, uid=new.uid).blob
        assert b"".join(store.default().open(blob)) == BODY
        services.trash(actor=alice, uid=new.uid)
        services.purge(actor=alice, uid=new.uid)


def test_who_file_the_same_things_in_another_order_do_not_wait_for_each_other(alice: Actor) -> None:
    """Each in a collection of its own: nothing else puts them in a row."""
    places = [services.create_collection(actor=alice, name=name) for name in ("left", "right")]
    bodies = [b"%d" % number for number in range(60)]

    def file(place: Node, order: list[bytes]) -> None:
        items = []
        for body in order:
            staged = store.default().stage()
            store.default().append(staged, 0, io.BytesIO(body), limit=None)
            name = body.decode()
            items.append(ingest.Item(staged, hashlib.sha256(body).hexdigest(), len(body), place.uid, name))
        assert all(isinstance(one, ingest.Filed) for one in ingest.put_many(actor=alice, items=items))

    together(lambda: file(places[0], bodies), lambda: file(places[1], bodies[::-1]))
    assert Blob.objects.count() == len(bodies)
