"""Studies as a medium (DICOM PS3.10): files under names of eight characters, and a DICOMDIR that lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.dicom.dataset.dicomdir import PATIENT, SERIES, STUDY, Directory, record_type
from sinfonietta.dicom.dataset.keywords import text
from sinfonietta.dicom.dataset.packing import dataset_of
from sinfonietta.dicom.dataset.parse import PREAMBLE_BYTES
from sinfonietta.dicom.models import DicomHeader, DicomInstance
from sinfonietta.dicom.network import part10
from sinfonietta.dicom.queries.contents import MOST_TEXT_BYTES, Retrieval
from sinfonietta.dicom.queries.scope import chosen_instances
from sinfonietta.dicom.queries.study_level import Series, Study, Who, merged, rows_of, studies
from sinfonietta.library.models import Node

MOST_STUDIES, MOST_INSTANCES = 1000, 200_000


@dataclass(frozen=True)
class MediumFile:
    """An instance on the medium: the bytes that are stored, behind ``head`` where they lack that of a file."""

    path: str
    row: DicomInstance
    head: bytes


class Medium:
    """What goes on it. Read ``files`` to their end, then ask for the ``directory`` of what came."""

    def __init__(self, actor: Actor, root: Node | None, found: Sequence[Study], series: str) -> None:
        self._actor, self._root, self._series = actor, root, series
        self.studies = found
        self.directory = Directory()

    def containers(self) -> list[Node]:
        """Where what goes on it lies."""
        places = {place for study in self.studies for one in self._chosen(study) for place in one.containers}
        return list(Node.objects.filter(uid__in=places).only("id", "uid", "ancestry"))

    def _chosen(self, study: Study) -> list[Series]:
        return [one for one in study.series if self._series in ("", one.series_uid)]

    def files(self) -> Iterator[MediumFile]:
        """The files in the order of the directory, each with the rights of the moment it is asked for."""
        patients: dict[Who, list[Study]] = {}
        for study in self.studies:
            patients.setdefault(study.who, []).append(study)
        for number, theirs in enumerate(patients.values()):
            above = [(PATIENT, _patient(theirs, number))]
            for order, study in enumerate(sorted(theirs, key=lambda one: one.shown.study_date)):
                path = f"PT{number:06}/ST{order:06}"
                above.append((STUDY, _with_numbers(study.attributes, {"00200010": ("SH", str(order + 1))})))
                yield from self._of_study(study, path, above)
                above = [one for one in above if one[0] == PATIENT]

    def _of_study(self, study: Study, path: str, above: list[tuple[int, dict[str, Any]]]) -> Iterator[MediumFile]:
        for order, series in enumerate(self._chosen(study)):
            above.append((SERIES, _series(series, order)))
            for number, row in enumerate(self._rows(series)):
                while above:  # what nothing lies below of is not on the medium
                    self.directory.add(*above.pop(0))
                yield self._file(row, f"{path}/SE{order:06}/IM{number:06}", number)
            above[:] = [one for one in above if one[0] != SERIES]

    def _rows(self, series: Series) -> Iterator[DicomInstance]:
        keys = {"0020000D": series.study_uid, "0020000E": series.series_uid}
        versions = chosen_instances(self._actor, self._root, keys).values_list("version_id", flat=True)
        return Retrieval(self._actor, list(versions), []).rows()

    def _file(self, row: DicomInstance, path: str, number: int) -> MediumFile:
        is_image = record_type(row.sop_class) == "IMAGE"
        self.directory.add_instance(
            {} if is_image else _dataset(row), path, sop_class=row.sop_class, sop_uid=row.sop_uid,
            syntax=row.transfer_syntax,
            number=number + 1 if row.instance_number is None else row.instance_number,
        )  # fmt: skip
        return MediumFile(path, row, _head(row))


def medium(
    *, actor: Actor, root: Node | None = None, studies: Sequence[str] = (), who: Who | None = None, series: str = ""
) -> Medium:
    """A medium of some studies (of one of them a ``series`` alone), or of all studies of one patient.

    Raises NotFound where nothing of it is there or the actor's to see, Invalid where it is too much for one medium.
    """
    found = _of_patient(actor, root, who) if who else _named(actor, root, studies)
    if series:
        found = [study for study in found if any(one.series_uid == series for one in study.series)]
    if not found:
        raise NotFound("There is no such study, series or patient, or it is not yours to see.")
    if len(found) > MOST_STUDIES or sum(study.instances for study in found) > MOST_INSTANCES:
        raise Invalid(f"A medium holds at most {MOST_STUDIES:,} studies and {MOST_INSTANCES:,} objects; choose fewer.")
    return Medium(actor, root, found, series)


def _of_patient(actor: Actor, root: Node | None, who: Who) -> Sequence[Study]:
    return studies(actor=actor, root=root, who=who, limit=MOST_STUDIES + 1).rows


def _named(actor: Actor, root: Node | None, uids: Sequence[str]) -> list[Study]:
    found: dict[str, Study] = {}
    for one in merged(rows_of(actor, root, [uid for uid in dict.fromkeys(uids) if part10.is_uid(uid)][:MOST_STUDIES])):
        found.setdefault(one.study_uid, Study(one.study_uid)).series.append(one)
    return list(found.values())


def _patient(theirs: Sequence[Study], number: int) -> dict[str, Any]:
    """Attributes of a patient; an id is made up where there is none, for the record must have one (PS3.3 F.5.1)."""
    return _with_numbers(theirs[0].attributes, {"00100020": ("LO", f"UNKNOWN{number + 1}")})


def _series(one: Series, order: int) -> dict[str, Any]:
    return _with_numbers(orjson.loads("{" + one.shown.series_json + "}"), {"00200011": ("IS", order + 1)})


def _with_numbers(found: dict[str, Any], made_up: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    missing = {name: said for name, said in made_up.items() if not found.get(name, {}).get("Value")}
    return found | {name: {"vr": vr, "Value": [value]} for name, (vr, value) in missing.items()}


def _dataset(row: DicomInstance) -> dict[str, Any]:
    packed = DicomHeader.objects.values_list("dataset", flat=True).get(instance_id=row.version_id)
    found = dataset_of(packed, MOST_TEXT_BYTES)
    return orjson.loads("{" + row.json + "}") if found is None else found


def _head(row: DicomInstance) -> bytes:
    """What stored bytes lack to be a file of PS3.10 7: nothing; the preamble; or file meta information, too."""
    start = store.default().read(row.version.blob, 0, min(PREAMBLE_BYTES, row.version.blob.size_bytes))
    if start[128:] == b"DICM":
        return b""
    if start[:2] == b"\x02\x00":
        return bytes(128) + b"DICM"
    return part10.head(row.sop_class, row.sop_uid, row.transfer_syntax)


def name_of(found: Sequence[Study]) -> str:
    """What the zip of a medium is called: patient and date of one study, else the patient, or neither."""
    patients = {study.who for study in found}
    if len(patients) > 1:
        return "dicom"
    who = found[0].shown.patient_id or text(found[0].attributes, "PatientName").replace("^", " ").strip() or "dicom"
    return " ".join(part for part in (who, found[0].shown.study_date if len(found) == 1 else "") if part)
