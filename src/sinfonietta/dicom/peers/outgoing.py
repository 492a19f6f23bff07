"""An instance on its way to another node: in the stored transfer syntax where that is taken, else as plain pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sinfonietta.blobs import store
from sinfonietta.common.errors import Problem
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.parse import dataset_start
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.network.association import Context
from sinfonietta.dicom.network.negotiation import EXPLICIT, IMPLICIT, MOST_CONTEXTS, Proposal
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.dicom.sandbox.delivery import deliver

BLOCK_BYTES = 1 << 17
PLAIN = (EXPLICIT, IMPLICIT)


class CannotSend(Exception):
    """Why an instance cannot be given to the other node, as a sentence."""


def proposals(kinds: Sequence[tuple[str, str]]) -> list[list[Proposal]]:
    """What to propose for instances of these (class, syntax): as stored, and plain; one list an association."""
    wanted: list[list[Proposal]] = []
    classes: dict[str, set[str]] = {}
    for sop_class, syntax in kinds:
        classes.setdefault(sop_class, set()).add(syntax)
    for sop_class, syntaxes in sorted(classes.items()):
        own = [Proposal(sop_class, (syntax,)) for syntax in sorted(syntaxes - set(PLAIN) - {""})]
        wanted.append([*own, Proposal(sop_class, (EXPLICIT,)), Proposal(sop_class, (IMPLICIT,))])
    lists: list[list[Proposal]] = []
    for one in wanted:
        if not lists or len(lists[-1]) + len(one) > MOST_CONTEXTS:
            lists.append([])
        lists[-1] += one[:MOST_CONTEXTS]
    return lists


def choose(row: DicomInstance, contexts: Iterable[Context]) -> Context:
    """The context to send an instance in: its own syntax before explicit before implicit VR. Raises CannotSend."""
    fitting = {context.syntax: context for context in contexts if context.abstract == row.sop_class and context.as_scu}
    if not fitting:
        raise CannotSend("The other node does not take this class.")
    for syntax in (row.transfer_syntax, *PLAIN):
        if syntax in fitting:
            return fitting[syntax]
    raise CannotSend("The other node takes this class only in a compression that we cannot make.")


def dataset(row: DicomInstance, syntax: str) -> Iterator[bytes]:
    """The dataset in pieces. Raises CannotSend, before the first piece."""
    try:
        path = store.default().path(row.version.blob)
    except Problem as problem:
        raise CannotSend(str(problem)) from problem
    if path is None:
        raise CannotSend("The bytes are on another machine.")
    if syntax == row.transfer_syntax:
        return _stored(row, path)
    try:
        return deliver(path, queries.header(row), syntax).dataset()
    except isolation.IsolationError as error:
        raise CannotSend(str(error)) from error


def _stored(row: DicomInstance, path: Path) -> Iterator[bytes]:
    try:
        start = dataset_start(path)
    except (Broken, OSError) as error:
        raise CannotSend("The stored file cannot be read.") from error
    return _pieces(path, start)


def _pieces(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as stream:
        stream.seek(start)
        while block := stream.read(BLOCK_BYTES):
            yield block
