"""Writes about other nodes, and work that is asked of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db import IntegrityError, transaction

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from sinfonietta.common.time import now
from sinfonietta.dicom.models import Peer
from sinfonietta.dicom.peers import queries
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node

AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
"""Printable ASCII without backslash (DICOM PS3.5 6.2, VR AE)."""
HOST = re.compile(r"[A-Za-z0-9.:_%-]{1,255}")
COMMIT_ATTEMPTS = 10
"""A node that is away is called again, ever more seldom, for about an hour."""
KEYS = {
    "study": "0020000D",
    "patient_id": "00100020",
    "patient_name": "00100010",
    "study_date": "00080020",
    "accession_number": "00080050",
    "study_description": "00081030",
    "modality": "00080061",
}
"""What a question may name, and the attributes that it is matched with."""
STUDY_FIELDS = KEYS | {"number_of_series": "00201206", "number_of_instances": "00201208"}
SERIES_FIELDS = {
    "study": "0020000D",
    "series": "0020000E",
    "series_number": "00200011",
    "series_modality": "00080060",
    "series_description": "0008103E",
    "number_of_series_instances": "00201209",
}
FIELDS = tuple(dict.fromkeys([*STUDY_FIELDS, *SERIES_FIELDS]))
"""What an answer tells, as text; empty where the node does not say."""
NOTHING: Mapping[str, str] = {}
UID = re.compile(r"[0-9.]{1,64}")
LONGEST_PAUSE_H = 24 * 365


def create_peer(
    *,
    actor: Actor,
    ae_title: str,
    host: str,
    port: int,
    account: str,
    into: UUID | None = None,
    tls: bool = False,
    description: str = "",
) -> Peer:
    """A node that may talk to us, with the rights of an account, and files into its home or ``into``.

    Raises Forbidden for who is not an administrator, NotFound (the account), Conflict (the title is taken), Invalid.
    """
    accounts.require_admin(actor)
    ae_title, host = ae_title.strip(), host.strip()
    if not AE_TITLE.fullmatch(ae_title):
        raise Invalid("An AE title has 1 to 16 letters, digits and signs.", errors={"ae_title": ["not valid"]})
    if not HOST.fullmatch(host):
        raise Invalid("Name the host, or its address.", errors={"host": ["not valid"]})
    if not 0 < port < 65536:
        raise Invalid("A port is a number from 1 to 65535.", errors={"port": ["not valid"]})
    if len(description) > 255 or "\0" in description:
        raise Invalid("The description has up to 255 characters.", errors={"description": ["not valid"]})
    user = accounts.user_named(actor=actor, name=account)
    node = _place(accounts.actor_for_user(user, actor.origin, scope=Scope.WRITE), into) if into else None
    try:
        with transaction.atomic():
            peer = Peer.objects.create(
                ae_title=ae_title, host=host, port=port, tls=tls, account=user, into=node, description=description
            )
            audit.record(
                actor=actor,
                action="peer.created",
                target=peer.uid,
                user=str(user.uid),
                into=str(into) if into else None,
            )
    except IntegrityError as error:
        raise Conflict(f"There is already a node {ae_title!r}.", errors={"ae_title": ["taken"]}) from error
    return peer


def _place(account: Actor, into: UUID) -> Node:
    """The container, which must be the account's to write, whoever makes the node."""
    try:
        node = access.require(account, into, Level.WRITE)
    except (NotFound, Forbidden) as error:
        raise Invalid("The account may not write there.", errors={"into": ["not the account's to write"]}) from error
    if node.kind == Node.Kind.FILE:
        raise Invalid("A file holds nothing.", errors={"into": ["a file"]})
    return node


def remove_peer(*, actor: Actor, uid: UUID) -> None:
    """Forget a node; its associations end within a second. Raises Forbidden, NotFound."""
    accounts.require_admin(actor)
    with transaction.atomic():
        if not Peer.objects.filter(uid=uid).delete()[0]:
            raise NotFound("There is no such DICOM node.")
        audit.record(actor=actor, action="peer.removed", target=uid)


def echo(*, actor: Actor, uid: UUID) -> None:
    """Ask a node whether it answers. Raises NotFound, Unavailable with the reason when it does not."""
    from sinfonietta.dicom.network.requestor import CallFailed  # noqa: PLC0415 - pynetdicom, 28 MB, is for who calls
    from sinfonietta.dicom.peers import calls  # noqa: PLC0415

    peer = queries.peer(actor=actor, uid=uid)
    try:
        calls.echo(peer)
    except CallFailed as failed:
        raise Unavailable(str(failed)) from failed


@dataclass(frozen=True)
class Answers:
    """What a node found: rows of ``FIELDS``; ``more``: it has more than was asked for."""

    rows: list[dict[str, str]]
    more: bool


def query(*, actor: Actor, uid: UUID, asked: Mapping[str, str] = NOTHING, limit: int = 200) -> Answers:
    """Ask a node for its studies or, where ``asked`` names a study, for the series of that; ``asked``: see ``KEYS``.

    Raises NotFound, Forbidden, Unavailable with the reason when it does not answer.
    """
    from sinfonietta.dicom.network.identifiers import text_of  # noqa: PLC0415 - as in ``echo``
    from sinfonietta.dicom.network.requestor import CallFailed  # noqa: PLC0415
    from sinfonietta.dicom.peers import calls  # noqa: PLC0415

    peer = queries.peer_for_use(actor=actor, uid=uid)
    level, fields = ("SERIES", SERIES_FIELDS) if asked.get("study") else ("STUDY", STUDY_FIELDS)
    identifier = calls.identifier(level, dict.fromkeys(fields.values(), "") | keys_of(asked))
    audit.record_read(actor=actor, action="peer.queried", target=peer.uid)
    try:
        rows = list(islice(calls.find(peer, identifier, calls.PERSON_WAITS_S), limit + 1))
    except CallFailed as failed:
        raise Unavailable(str(failed)) from failed
    found = [{name: text_of(row.get(fields.get(name, ""), {})) for name in FIELDS} for row in rows]
    return Answers(found[:limit], len(rows) > limit)


def keys_of(asked: Mapping[str, str]) -> dict[str, str]:
    """A question as keys of C-FIND: tag -> what is asked for."""
    return {tag: asked[name] for name, tag in KEYS.items() if asked.get(name)}


def send(*, actor: Actor, uid: UUID, node: UUID | None = None, study: str = "", root: UUID | None = None) -> Job:
    """Send what is below a node, or a study (within ``root`` where that is given), to another node, as a job.

    Raises NotFound, Forbidden, Invalid.
    """
    peer = queries.peer_for_use(actor=actor, uid=uid)
    if (node is None) == (not study):
        raise Invalid("Name a node or a study to send.", errors={"node": ["this or study"]})
    _uid("study", study)
    for place in (node, root):
        if place is not None:
            access.find(actor, place)
    what = {"node": node and str(node), "study": study, "root": root and str(root)}
    return _enqueue(actor, "dicom.send", peer, what)


def fetch(*, actor: Actor, uid: UUID, study: str, series: str = "", node: UUID | None = None) -> Job:
    """Fetch a study or one of its series from another node into ``node`` (the node's own place), as a job.

    Raises NotFound, Forbidden, Invalid.
    """
    peer = queries.peer_for_use(actor=actor, uid=uid)
    _uid("study", study, must=True)
    _uid("series", series)
    what = {"study": study, "series": series, "node": str(_target(actor, peer, node))}
    return _enqueue(actor, "dicom.fetch", peer, what)


def mirror(*, actor: Actor, uid: UUID, asked: Mapping[str, str] = NOTHING, node: UUID | None = None) -> Job:
    """Fetch all studies of another node that match and that are not (or not whole) below ``node`` yet, as a job.

    ``asked``: see ``KEYS``. Raises NotFound, Forbidden.
    """
    peer = queries.peer_for_use(actor=actor, uid=uid)
    what = {"keys": keys_of(asked), "node": str(_target(actor, peer, node))}
    return _enqueue(actor, "dicom.mirror", peer, what)


def mirror_every(*, actor: Actor, uid: UUID, hours: int | None) -> Peer:
    """Mirror a node every so many hours (None: no more), with the rights of its account, into the node's own place.

    The first mirror is due at once. Raises NotFound, Forbidden, Invalid.
    """
    peer = queries.peer_for_use(actor=actor, uid=uid)
    if hours is not None and not 0 < hours <= LONGEST_PAUSE_H:
        said = f"A mirror comes every 1 to {LONGEST_PAUSE_H} hours."
        raise Invalid(said, errors={"every_h": ["not valid"]})
    with transaction.atomic():
        peer.mirror_every_h, peer.mirror_next = hours, None if hours is None else now()
        peer.save(update_fields=["mirror_every_h", "mirror_next"])
        audit.record(actor=actor, action="peer.scheduled", target=peer.uid, every_h=hours)
    return peer


def commit(*, actor: Actor, peer: Peer, transaction_uid: str, references: Sequence[tuple[str, str]]) -> Job:
    """Storage commitment: a job looks for the instances (class, instance) and reports to the node that asked."""
    what = {"transaction": transaction_uid, "references": [list(pair) for pair in references]}
    return _enqueue(actor, "dicom.commit", peer, what, max_attempts=COMMIT_ATTEMPTS)


def _target(actor: Actor, peer: Peer, node: UUID | None) -> UUID:
    place = node or queries.place_of(peer)
    found = access.require(actor, place, Level.WRITE)
    if found.kind == Node.Kind.FILE:
        raise Invalid("A file holds nothing.", errors={"node": ["a file"]})
    return found.uid


def _uid(name: str, text: str, *, must: bool = False) -> None:
    if (must and not text) or (text and not UID.fullmatch(text)):
        raise Invalid("A UID has digits and dots, 64 at most.", errors={name: ["not valid"]})


def _enqueue(actor: Actor, kind: str, peer: Peer, what: Mapping[str, object], max_attempts: int = 3) -> Job:
    with transaction.atomic():
        payload = {"peer": str(peer.uid), **what}
        job = jobs.enqueue(actor=actor, kind=kind, payload=payload, max_attempts=max_attempts)
        audit.record(actor=actor, action=f"peer.{kind.partition('.')[2]}", target=peer.uid, job=str(job.uid))
    return job
