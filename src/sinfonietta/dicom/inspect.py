"""What ingest learns of a file that arrives: whether it is DICOM, and its header (``ingest.hooks.Inspector``)."""

from __future__ import annotations

from collections.abc import Sequence

from sinfonietta.common.errors import Unavailable
from sinfonietta.dicom.dataset.parse import MEDIA_TYPE, Header
from sinfonietta.dicom.radiation.irradiation import may_be_told_by
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.ingest.hooks import Arrival, Verdict
from sinfonietta.library.models import Version

MOST_BYTES = 1 << 20
"""A larger report takes seconds to read: a job does it (``radiation.tasks``)."""
LATER = "later"


def inspect(arrivals: Sequence[Arrival]) -> list[Verdict | None]:
    """The header as the fact ``dicom``; a dataset that does not parse to its end is kept, marked incomplete.

    Refused as Unavailable when no process was free to look at it.
    """
    headers = isolation.pool().parse_all([arrival.path for arrival in arrivals])
    return [_verdict(arrival, header) for arrival, header in zip(arrivals, headers, strict=True)]


def _verdict(arrival: Arrival, header: Header | isolation.IsolationError | None) -> Verdict | None:
    if isinstance(header, isolation.Busy):
        return Verdict(refuse=Unavailable(str(header)))
    if isinstance(header, isolation.IsolationError):
        return Verdict({}, Version.State.INCOMPLETE, str(header), MEDIA_TYPE)
    if header is None:
        return None
    if not header.complete:
        return Verdict({"dicom": header}, Version.State.INCOMPLETE, header.problem, MEDIA_TYPE)
    if not may_be_told_by(header.modality, header.sop_class_uid):
        return Verdict({"dicom": header}, media_type=MEDIA_TYPE)
    try:
        dose = {"dose": LATER} if arrival.size_bytes > MOST_BYTES else _dose(arrival)
    except isolation.Busy as error:
        return Verdict(refuse=Unavailable(str(error)))
    return Verdict({"dicom": header, **dose}, media_type=MEDIA_TYPE)


def _dose(arrival: Arrival) -> dict[str, object]:
    """The fact ``dose`` of a radiation dose report; one that cannot be read is filed like any file. Raises Busy."""
    try:
        found = isolation.pool().irradiation(arrival.path)
    except isolation.Busy:
        raise
    except isolation.IsolationError:
        return {}
    return {"dose": found} if found else {}
