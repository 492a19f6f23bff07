"""Work with other nodes in the background: send, fetch, mirror, and reports of storage commitment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial, wraps
from typing import Any
from uuid import UUID

import structlog

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Scope
from sinfonietta.audit.services import record_read
from sinfonietta.common.errors import Forbidden, Invalid, NotFound, OutOfStorage, TooLarge, Unavailable
from sinfonietta.common.time import now
from sinfonietta.dicom import queries
from sinfonietta.dicom.models import DicomInstance, Peer
from sinfonietta.dicom.network import commands, identifiers, negotiation, part10
from sinfonietta.dicom.network.association import Association, Message
from sinfonietta.dicom.network.negotiation import MOST_CONTEXTS, PLAIN, Proposal
from sinfonietta.dicom.network.requestor import CallFailed, Counts, Requestor
from sinfonietta.dicom.peers import calls, services
from sinfonietta.dicom.peers import queries as peers
from sinfonietta.dicom.peers.incoming import stage
from sinfonietta.dicom.services import OUT_OF_RESOURCES, Filing
from sinfonietta.ingest.services import staging
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import Handler, JobContext
from sinfonietta.library import access
from sinfonietta.library.models import Node

log = structlog.get_logger(__name__)
STUDY, SERIES, INSTANCE, SOP_CLASS = "0020000D", "0020000E", "00080018", "00080016"
INSTANCES_IN_STUDY = "00201208"
MOST_CLASSES = 60
COMPRESSED = tuple(
    f"1.2.840.10008.1.2.{end}"
    for end in (
        "4.50", "4.51", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "4.201", "4.202", "4.203", "5", "1.99",
        "4.100", "4.101", "4.102", "4.103", "4.107",
    )
)  # fmt: skip
"""What is in use; some nodes choke on a longer list."""
NO_SUCH_INSTANCE, CLASS_CONFLICT = 0x0112, 0x0119
GET, MOVE = (f"{negotiation.STUDY_ROOT}.{service}" for service in (negotiation.GET, negotiation.MOVE))


def calling(handler: Handler) -> Handler:
    """A job that calls another node: what fails is tried again, and said in words when that is over."""

    @wraps(handler)
    def run(context: JobContext) -> Any:
        try:
            return handler(context)
        except CallFailed as failed:
            if context.job.attempts < context.job.max_attempts:
                raise
            raise Unavailable(str(failed)) from failed

    return run


def _peer(context: JobContext) -> Peer:
    return peers.peer_for_use(actor=context.actor, uid=UUID(context.payload["peer"]))


@calling
def send(context: JobContext) -> dict[str, Any]:
    """Send what is below a node, or a study, to another node."""
    peer, found = _peer(context), _to_send(context)
    total = len(found.versions)
    if not total:
        raise NotFound("There is no DICOM instance in it.")
    sent, failed = 0, []
    for row, status in calls.store_all(peer, found.kinds, _audited(context, found.rows(), peer)):
        if status == commands.SUCCESS or status & 0xF000 == 0xB000:
            sent += 1
        else:
            failed.append({"instance": row.sop_uid, "status": f"{status:04X}"})
        context.progress((sent + len(failed)) / total, f"{sent} of {total} instances are sent to {peer.ae_title}.")
    if not sent:
        raise Invalid(f"{peer.ae_title} took none of {total} instances (status {failed[0]['status']}).")
    return {"sent": sent, "failed": len(failed), "failures": failed[:100]}


def _to_send(context: JobContext) -> queries.Retrieval:
    actor, payload = context.actor, context.payload
    if payload["study"]:
        root = access.find(actor, UUID(payload["root"])) if payload["root"] else None
        return queries.retrieval(actor=actor, root=root, keys={STUDY: payload["study"]})
    node = access.find(actor, UUID(payload["node"]))
    if node.kind != Node.Kind.FILE:
        return queries.retrieval(actor=actor, root=node, keys={})
    row = queries.of_file(actor=actor, uid=node.uid).row
    if row is None or row.series_id is None:
        raise NotFound("That file is no DICOM instance that could be sent.")
    return queries.Retrieval(actor, [row.version_id], [(row.sop_class, row.transfer_syntax)])


def _audited(context: JobContext, rows: Iterator[DicomInstance], peer: Peer) -> Iterator[DicomInstance]:
    seen: set[int] = set()
    for row in rows:
        if row.series is not None and row.series.container_id not in seen:
            seen.add(row.series.container_id)
            node = row.series.container
            collection = Node.objects.filter(id=node.collection_id).values_list("uid", flat=True).first()
            record_read(
                actor=context.actor, action="dicom.sent", target=node.uid, collection=collection, to=str(peer.uid)
            )
        yield row


@calling
def fetch(context: JobContext) -> dict[str, Any]:
    """Fetch a study, or one of its series, from another node."""
    study, series = context.payload["study"], context.payload["series"]
    fetching = Fetching(context, _peer(context), context.progress)
    return fetching.fetch(study, series)


@calling
def mirror(context: JobContext) -> dict[str, Any]:
    """Fetch the studies of another node that match and are not here, or not whole."""
    peer = _peer(context)
    wanted = list(_studies_there(peer, context.payload["keys"]))
    root = access.find(context.actor, UUID(context.payload["node"]))
    total = {"studies": len(wanted), "fetched": 0, "stored": 0, "failed": 0}
    for number, (study, there) in enumerate(wanted):
        context.progress(number / len(wanted), f"Study {number + 1} of {len(wanted)}.")
        here = queries.studies(actor=context.actor, root=root, keys={STUDY: study}, limit=1).rows
        if here and (there is None or here[0].instances >= there):
            continue
        fetching = Fetching(context, peer, partial(_within, context, number, len(wanted)))
        result = fetching.fetch(study)
        total["fetched"] += 1
        total["stored"] += result["stored"]
        total["failed"] += result["failed"]
    return total


def mirror_due(context: JobContext) -> dict[str, int]:
    """Ask for the mirrors that are due, each as the node's account, unless the last one still waits or runs."""
    asked = 0
    for peer in Peer.objects.filter(mirror_next__lte=now()).select_related("account"):
        open_ones = Job.objects.filter(kind="dicom.mirror", state__in=[Job.State.QUEUED, Job.State.RUNNING])
        with context.transaction():
            mine = Peer.objects.filter(id=peer.id, mirror_next=peer.mirror_next)
            if not mine.update(mirror_next=now() + timedelta(hours=peer.mirror_every_h or 0)):
                continue  # changed meanwhile
            if open_ones.filter(payload__peer=str(peer.uid)).exists():
                continue
            try:
                account = accounts.actor_by_uid(peer.account.uid, Scope.WRITE, context.actor.origin)
                services.mirror(actor=account, uid=peer.uid)
                asked += 1
            except (NotFound, Forbidden) as problem:
                log.warning("a node cannot be mirrored", peer=str(peer.uid), problem=str(problem))
    return {"asked": asked}


def _within(context: JobContext, number: int, count: int, part: float, said: str) -> None:
    """Progress of one study among several."""
    context.progress((number + part) / count, f"Study {number + 1} of {count}: {said}")


def _studies_there(peer: Peer, keys: Mapping[str, str]) -> Iterator[tuple[str, int | None]]:
    """The studies of a node that match, with how many instances it says they have."""
    asked = {STUDY: "", INSTANCES_IN_STUDY: "", **keys}
    for answer in calls.find(peer, calls.identifier("STUDY", asked)):
        study = identifiers.text_of(answer.get(STUDY, {}))
        count = identifiers.text_of(answer.get(INSTANCES_IN_STUDY, {}))
        if part10.is_uid(study):
            yield study, int(count) if count.isdecimal() else None


class Fetching:
    """One study on its way here: by C-GET over an association of ours, else by C-MOVE to our door."""

    def __init__(self, context: JobContext, peer: Peer, progress: Callable[[float, str], None]) -> None:
        self._context, self._peer, self._progress = context, peer, progress
        self._target = UUID(context.payload["node"])
        self._filing = Filing(actor=context.actor, target=self._target)
        self._staged = ExitStack()
        self._refused = 0

    def fetch(self, study: str, series: str = "") -> dict[str, Any]:
        """Fetch it; counts of what came. Raises CallFailed, Invalid."""
        keys = {STUDY: study, SERIES: series} if series else {STUDY: study}
        identifier = calls.identifier("SERIES" if series else "STUDY", keys)
        total, classes = self._there(study, series)
        counts = None
        with self._staged:
            try:
                counts = self._get(identifier, classes, total)
            except CallFailed:
                if self._filing.results:
                    raise  # some nodes abort where they might say that they do not do this: then nothing came
            self._filing.flush()
        results = self._filing.results
        if counts is None or (not results and not counts.completed and counts.status):
            return self._move(identifier)
        failed = [result for result in results if result.reason]
        stored = len(results) - len(failed)
        if not stored:
            said = failed[0].problem if failed else counts.comment or f"status {counts.status:04X}"
            raise Invalid(f"{self._peer.ae_title} gave nothing that could be stored: {said}")
        return {"by": "C-GET", "stored": stored, "failed": len(failed) + self._refused + counts.failed}

    def _there(self, study: str, series: str) -> tuple[int, list[str]]:
        """How many instances the node has of it, and their classes, which must be agreed on beforehand."""
        total, classes = 0, set()
        wanted = [series] if series else list(self._series(study))
        for one in wanted:
            asked = {STUDY: study, SERIES: one, INSTANCE: "", SOP_CLASS: ""}
            for answer in calls.find(self._peer, calls.identifier("IMAGE", asked)):
                total += 1
                classes.add(identifiers.text_of(answer.get(SOP_CLASS, {})))
            self._context.check()
        if not total:
            raise NotFound(f"{self._peer.ae_title} has no such study or series.")
        known = sorted(name for name in classes if part10.is_uid(name))
        return total, (known or sorted(negotiation.storage_classes()))[:MOST_CLASSES]

    def _series(self, study: str) -> Iterator[str]:
        for answer in calls.find(self._peer, calls.identifier("SERIES", {STUDY: study, SERIES: ""})):
            yield identifiers.text_of(answer.get(SERIES, {}))

    def _get(self, identifier: Mapping[str, Any], classes: list[str], total: int) -> Counts | None:
        """By C-GET; None where the node does not offer that."""
        proposals = [Proposal(GET, PLAIN), *_to_receive(classes)]
        last = None
        with Requestor(calls.node_of(self._peer), proposals) as requestor:
            if requestor.context(GET) is None:
                return None
            for last in requestor.retrieve(GET, identifier, stored=self._stored):  # noqa: B007 - the last one counts
                self._tell(total)
        return last

    def _tell(self, total: int) -> None:
        done = len(self._filing.results)
        self._progress(min(done / total, 1.0) * 0.99, f"{done} of {total} instances are here.")

    def _stored(self, association: Association, message: Message) -> None:
        """One instance that comes. It is answered when it is staged: filing goes in batches."""
        sop_class = commands.text(message.command, "AffectedSOPClassUID")
        if not part10.is_uid(sop_class) or not part10.is_uid(commands.text(message.command, "AffectedSOPInstanceUID")):
            raise CallFailed(f"{self._peer.ae_title} sends instances without UIDs.")
        staged = self._staged.enter_context(staging())
        status = commands.SUCCESS
        try:
            self._filing.add(staged, *stage(association, message, staged))
        except (TooLarge, OutOfStorage):
            self._refused += 1
            status = OUT_OF_RESOURCES
        if not self._filing.has_waiting:
            self._staged.pop_all().close()
        association.send(message.context, commands.response(message.command, status))

    def _move(self, identifier: Mapping[str, Any]) -> dict[str, Any]:
        """By C-MOVE to our door, where the node's own account files it."""
        if self._target != peers.place_of(self._peer):
            raise Invalid(f"{self._peer.ae_title} only sends by C-MOVE; that files into its own place, not there.")
        counts = None
        with Requestor(calls.node_of(self._peer), [Proposal(MOVE, PLAIN)]) as requestor:
            for counts in requestor.retrieve(MOVE, identifier, destination=requestor.node.calling):
                total = counts.completed + counts.failed + counts.warning + counts.remaining
                self._progress(
                    (total - counts.remaining) / total * 0.99 if total else 0.0,
                    f"{counts.completed} of {total} instances are here.",
                )
        if counts is None or not (counts.completed or counts.warning):
            said = f"status {counts.status:04X} {counts.comment}".rstrip() if counts else "no answer"
            raise Invalid(f"{self._peer.ae_title} sent nothing: {said}")
        return {"by": "C-MOVE", "stored": counts.completed + counts.warning, "failed": counts.failed}


def _to_receive(classes: list[str]) -> Iterator[Proposal]:
    """Contexts for what comes back: each class plain, and in every compression, apart where there is room for that."""
    room = (MOST_CONTEXTS - 1) // len(classes)
    apart = room > len(COMPRESSED)
    for name in classes:
        yield Proposal(name, PLAIN[:2], as_scp=True)
        for syntaxes in [(one,) for one in COMPRESSED] if apart else [COMPRESSED]:
            yield Proposal(name, syntaxes, as_scp=True)


@calling
def commit(context: JobContext) -> dict[str, int]:
    """Report to a node which of the instances that it asked about are kept here, and seen by its account."""
    peer = peers.peer_of_account(actor=context.actor, uid=UUID(context.payload["peer"]))
    references = [(str(sop_class), str(instance)) for sop_class, instance in context.payload["references"]]
    known = queries.known_classes(actor=context.actor, uids=[instance for _, instance in references])
    kept: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for sop_class, instance in references:
        item = {"00081150": _element("UI", sop_class), "00081155": _element("UI", instance)}
        classes = known.get(instance)
        if classes is None or sop_class not in classes:
            reason = NO_SUCH_INSTANCE if classes is None else CLASS_CONFLICT
            failed.append(item | {"00081197": _element("US", reason)})
        else:
            kept.append(item)
    report = {"00081195": _element("UI", context.payload["transaction"])}
    for tag, items in (("00081199", kept), ("00081198", failed)):
        if items:
            report[tag] = {"vr": "SQ", "Value": items}
    proposal = Proposal(negotiation.COMMITMENT, PLAIN, as_scp=True)
    with Requestor(calls.node_of(peer), [proposal]) as requestor:
        status = requestor.report(report, has_failures=bool(failed))
    if status:
        raise CallFailed(f"{peer.ae_title} did not take the report (status {status:04X}).")
    return {"kept": len(kept), "failed": len(failed)}


def _element(vr: str, value: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}
