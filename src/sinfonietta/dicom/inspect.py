"""What ingest learns of a file that arrives: whether it is DICOM, and its header (``ingest.hooks.Inspector``)."""

from __future__ import annotations

from sinfonietta.common.errors import Unavailable
from sinfonietta.dicom.dataset.parse import MEDIA_TYPE
from sinfonietta.dicom.radiation.irradiation import may_be_told_by
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.ingest.hooks import Arrival, Verdict
from sinfonietta.library.models import Version

MOST_BYTES = 1 << 20
"""A larger report takes seconds to read: a job does it (``radiation.tasks``)."""
LATER = "later"


def inspect(arrival: Arrival) -> Verdict | None:
    """The header as the fact ``dicom``; a dataset that does not parse to its end is kept, marked incomplete.

    Raises Unavailable when no process was free to look at it.
    """
    try:
        header = isolation.pool().parse(arrival.path)
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        return Verdict({}, Version.State.INCOMPLETE, str(error), MEDIA_TYPE)
    if header is None:
        return None
    if not header.complete:
        return Verdict({"dicom": header}, Version.State.INCOMPLETE, header.problem, MEDIA_TYPE)
    facts: dict[str, object] = {"dicom": header}
    if may_be_told_by(header.modality, header.sop_class_uid):
        facts |= {"dose": LATER} if arrival.size_bytes > MOST_BYTES else _dose(arrival)
    return Verdict(facts, media_type=MEDIA_TYPE)


def _dose(arrival: Arrival) -> dict[str, object]:
    """The fact ``dose`` of a radiation dose report; a report that cannot be read is filed like any other."""
    try:
        found = isolation.pool().irradiation(arrival.path)
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError:
        return {}
    return {"dose": found} if found else {}
