"""The world that every route is walked in: one of everything, its owner, and all the others."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.test import Client
from pydicom.data import get_testdata_file

from sinfonietta.accounts import services as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import Token, User
from sinfonietta.audit import services as audit
from sinfonietta.blobs import store
from sinfonietta.common.time import now
from sinfonietta.dicom.peers import services as peers
from sinfonietta.ingest import services as ingest
from sinfonietta.ingest import uploads
from sinfonietta.jobs import services as jobs
from sinfonietta.library import services
from sinfonietta.library.models import Level
from sinfonietta.search import services as searches
from sinfonietta.search.following import catch_up
from tests.support.archives import zipped
from tests.support.objects import file
from tests.support.rest import settled

PEOPLE = ("stranger", "reader", "writer", "manager", "owner", "administrator", "auditor")
SCOPED = {"owner's read token": ("owner", "read"), "owner's write token": ("owner", "write")}
NOBODY = "nobody"
EVERYBODY = (*PEOPLE, *SCOPED)
ROLES = (NOBODY, *EVERYBODY)


@dataclass
class World:
    """One of everything, owned by the owner, shared with reader, writer and manager. Names begin with "Xanadu"."""

    people: dict[str, Actor]
    tokens: dict[str, str]
    ids: dict[str, UUID]
    staged: str

    def ask(self, role: str, method: str, url: str, body: str | bytes = "", **headers: str) -> Any:
        """The answer to a role; what it changed is undone."""
        said = {"Authorization": f"Bearer {self.tokens[role]}"} if role != NOBODY else {}
        content_type = headers.pop("Content-Type", "application/json")
        with transaction.atomic():
            answer = settled(Client().generic(method, url, body, content_type, headers=said | headers))
            transaction.set_rollback(True)
        store.default().staged_path(self.staged).touch()  # the rows came back, so must what they speak of
        audit.forget_waiting()
        return answer


def ct() -> bytes:
    """A small CT instance."""
    return sample("CT_small.dcm")


def sample(name: str) -> bytes:
    """A file that pydicom ships for its tests."""
    with open(str(get_testdata_file(name, download=False)), "rb") as stream:
        return stream.read()


def build(make_actor: Callable[..., Actor]) -> World:
    """The world, in the database of the running test."""
    people = {role: make_actor(role, is_admin=role == "administrator", is_auditor=role == "auditor") for role in PEOPLE}

    def token(role: str, scope: str) -> str:
        user = User.objects.get(pk=people[role].user_id)
        return accounts.create_token(actor=SYSTEM, user=user, name="t", scope=scope)[1]

    tokens = {role: token(role, "admin") for role in PEOPLE} | {name: token(*of) for name, of in SCOPED.items()}
    owner = people["owner"]
    study = services.create_collection(actor=owner, name="Xanadu study")
    folder = services.create_folder(actor=owner, parent=study.uid, name="Xanadu folder")
    fileset = services.create_fileset(actor=owner, parent=study.uid, name="Xanadu fileset")
    grants = [("user", role, Level[level]) for role, level in
              (("reader", "READ"), ("writer", "WRITE"), ("manager", "MANAGE"))]  # fmt: skip
    services.set_grants(actor=owner, uid=study.uid, inherit=False, grants=grants)

    def put(name: str, content: bytes) -> UUID:
        return ingest.put(actor=owner, parent_uid=folder.uid, name=name, stream=io.BytesIO(content)).node.uid

    ids = {"collection": study.uid, "folder": folder.uid, "fileset": fileset.uid, "file": put("xanadu.dcm", ct())}
    ids |= {"text": put("xanadu.txt", b"text"), "gone": put("gone.txt", b"gone"), "picture": put("p.png", PNG)}
    ids |= {"zip": put("xanadu.zip", zipped({"xanadu/note.txt": b"note"}))}
    objects = {"report": "Reports/CT dose report", "document": "Reports/report", "segments": "SEG/segments",
               "slice": "CT/ct_009", "pet": "PET/pet_004"}  # fmt: skip
    ids |= {name: put(f"xanadu {name}.dcm", file(path)) for name, path in objects.items()}
    ids |= {kind: put(f"{kind}.dcm", sample(f"rt{kind}.dcm")) for kind in ("struct", "plan", "dose")}
    services.trash(actor=owner, uid=ids["gone"])
    ids["group"] = accounts.create_group(actor=owner, name="Xanadu group").uid
    user = User.objects.get(pk=owner.user_id)
    ids["token"] = accounts.create_token(actor=SYSTEM, user=user, name="t2", scope="read")[0].uid
    ids["job"] = jobs.enqueue(actor=owner, kind="ingest.expire", payload={}).uid
    ids["peer"] = peers.create_peer(actor=SYSTEM, ae_title="PEER", host="127.0.0.1", port=1, account="owner").uid
    ids["search"] = searches.save(actor=owner, name="Xanadu", query="xanadu").uid
    catch_up()
    upload = uploads.begin(actor=owner, parent=folder.uid, filename="xanadu.bin", length=3)
    ids |= {"upload": upload.uid} | {f"{role}_id": actor.uid for role, actor in people.items() if actor.uid}
    Token.objects.update(last_used=now())  # or each request, being undone, would note it again
    return World(people, tokens, ids, upload.staged)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d494441"
    "54789c63606868f80f000384020057c9fa2e0000000049454e44ae426082"
)
