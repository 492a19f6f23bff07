"""Asking for work on archives."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import index
from sinfonietta.archives.errors import NeedsPassword, Unreadable
from sinfonietta.archives.models import Unpacking
from sinfonietta.archives.naming import without_ending
from sinfonietta.archives.secrets import sealed
from sinfonietta.common.errors import Invalid
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.library import access
from sinfonietta.library import queries as library
from sinfonietta.library.models import Level, Node, Version
from sinfonietta.library.names import clean_name

OPEN = (Job.State.QUEUED, Job.State.RUNNING)
LONGEST_PASSWORD = 1000


def read_later(*, actor: Actor, version: Version) -> Job:
    """The job that reads an archive for its index."""
    return jobs.enqueue(actor=actor, kind="archives.read", payload=_what(version))


def under_way(*, actor: Actor, version: Version) -> Job | None:
    """The actor's job that reads an archive, while it has not ended."""
    mine = Job.objects.filter(kind="archives.read", owner=actor.uid, state__in=OPEN)
    return next((job for job in mine if _what(version).items() <= job.payload.items()), None)


def _what(version: Version) -> dict[str, object]:
    return {"file": str(version.node.uid), "version": version.number}


def unpack(
    *,
    actor: Actor,
    uid: UUID,
    parent: UUID | None = None,
    name: str | None = None,
    nested: bool = False,
    password: str = "",
) -> Job:
    """The job that unpacks an archive into ``parent``; with ``name``, or without a parent, into a new folder there.

    Without a parent that is a folder beside the archive, named after it. ``nested`` unpacks archives in archives into
    folders beside them. Raises NotFound, Forbidden, Invalid, NeedsPassword, Unreadable.
    """
    version = library.version(actor=actor, uid=uid)
    place = access.require(actor, parent, Level.WRITE) if parent else _beside(actor, version.node)
    if place.kind == Node.Kind.FILE:
        raise Invalid("Something can be unpacked into a collection, folder or fileset.", errors={"parent": ["a file"]})
    if len(password) > LONGEST_PASSWORD:
        raise Invalid("No archive has so long a password.", errors={"password": ["too long"]})
    if index.exists(version.blob.sha256):
        _refuse_what_cannot_be(version, password)
    folder = clean_name(name or without_ending(version.node.name)) if name or not parent else ""
    payload = {"file": str(uid), "version": version.number, "parent": str(place.uid), "folder": folder,
               "nested": nested}  # fmt: skip
    with transaction.atomic():
        job = jobs.enqueue(actor=actor, kind="archives.unpack", payload=payload)
        Unpacking.objects.create(job=job.uid, secret=sealed(password, job.uid))
    return job


def _refuse_what_cannot_be(version: Version, password: str) -> None:
    with index.opened(version.blob.sha256) as found:
        about = found.about()
    if about.problem:
        raise Unreadable(about.problem)
    if about.is_encrypted and not password:
        raise NeedsPassword("It is encrypted; send its password.", errors={"password": ["needed"]})


def _beside(actor: Actor, file: Node) -> Node:
    """The nearest container of a file that can hold a folder. Raises NotFound, Forbidden."""
    above = file.parent
    if above is not None and above.kind == Node.Kind.FILESET:
        above = above.parent
    assert above is not None
    return access.require(actor, above.uid, Level.WRITE)
