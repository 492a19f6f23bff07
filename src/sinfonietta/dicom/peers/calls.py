"""Calls to other nodes: echo, query, and instances that are sent to them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import structlog
from django.conf import settings

from sinfonietta.dicom.dataset.dictionary import vr_of
from sinfonietta.dicom.models import DicomInstance, Peer
from sinfonietta.dicom.network import commands, negotiation
from sinfonietta.dicom.network.negotiation import PLAIN, Proposal
from sinfonietta.dicom.network.requestor import ANSWER_S, CallFailed, Node, Requestor
from sinfonietta.dicom.peers import outgoing, tls

log = structlog.get_logger("sinfonietta.dicom")
PERSON_WAITS_S = 20.0
"""How long a node may think while somebody looks at a page."""


def node_of(peer: Peer) -> Node:
    """Where and how a node is called. Raises CallFailed when our own TLS is not in order."""
    try:
        context = tls.for_calling() if peer.tls else None
    except (OSError, ssl.SSLError) as error:
        raise CallFailed(f"Our TLS certificate or key cannot be used: {error}") from error
    return Node(peer.ae_title, peer.host, peer.port, settings.OPTIONS.ae_title, context)


def echo(peer: Peer) -> None:
    """C-ECHO. Raises CallFailed."""
    with Requestor(node_of(peer), [Proposal(negotiation.VERIFICATION, PLAIN)], PERSON_WAITS_S) as requestor:
        requestor.echo()


def find(peer: Peer, identifier: Mapping[str, Any], answer_s: float = ANSWER_S) -> Iterator[dict[str, Any]]:
    """C-FIND at study root: the answers in the DICOM JSON model. Raises CallFailed."""
    abstract = f"{negotiation.STUDY_ROOT}.{negotiation.FIND}"
    with Requestor(node_of(peer), [Proposal(abstract, PLAIN)], answer_s) as requestor:
        yield from requestor.find(abstract, identifier)


def identifier(level: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """The identifier of a query or retrieval: tag -> what is asked for, empty for what is to be told."""
    asked: dict[str, Any] = {"00080052": {"vr": "CS", "Value": [level]}}
    for tag, text in keys.items():
        vr = vr_of(int(tag, 16), {}, ())
        asked[tag] = {"vr": vr, "Value": [text]} if text else {"vr": vr}
    return asked


def store_all(
    peer: Peer,
    kinds: Sequence[tuple[str, str]],
    rows: Iterator[DicomInstance],
    originator: tuple[str, int] | None = None,
) -> Iterator[tuple[DicomInstance, int]]:
    """Send instances of these (class, syntax), each with the status of its C-STORE. Raises CallFailed.

    What the node does not take is no reason to stop: it counts as failed.
    """
    with ExitStack() as stack:
        requestors = [
            stack.enter_context(Requestor(node_of(peer), proposals)) for proposals in outgoing.proposals(kinds)
        ]
        for row in rows:
            yield row, _store(requestors, row, originator)


def _store(requestors: Sequence[Requestor], row: DicomInstance, originator: tuple[str, int] | None) -> int:
    problem = outgoing.CannotSend("The other node takes none of it.")
    for requestor in requestors:
        try:
            context = outgoing.choose(row, requestor.association.contexts.values())
            dataset = outgoing.dataset(row, context.syntax)
        except outgoing.CannotSend as cannot:
            problem = cannot
            continue
        return requestor.store(context, row.sop_uid, dataset, originator)[0]
    log.info("an instance was not sent", why=str(problem))
    return commands.PROCESSING_FAILURE
