"""Studies as a zip with a DICOMDIR: read by pydicom's file set and by DCMTK, of what one may read and no more."""

from __future__ import annotations

import io
import re
import subprocess
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet
from tests.support import studies
from tests.support.objects import file as object_file
from tests.support.objects import phantom
from tests.support.rest import Rest, program_of
from tests.unit.dicom.files import encoded, image

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import services as audit
from sinfonietta.audit.models import Event
from sinfonietta.dicom import queries
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.interfaces.http.zips import of_medium, zip_stream
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _reads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "FLUSH_S", 3600.0)


@pytest.fixture
def places(alice: Actor, bob: Actor) -> tuple[Node, Node]:
    """Two collections of Alice's; Bob reads the first."""
    first, second = (services.create_collection(actor=alice, name=name) for name in ("Lungs", "Hearts"))
    services.set_grants(actor=alice, uid=first.uid, inherit=False, grants=[("user", bob.name, Level.READ)])
    return first, second


def unpacked(program: Rest, url: str, folder: Path) -> FileSet:
    """The answer as a medium in a folder, its names looked at."""
    answer = program.call("GET", url)
    assert answer.status_code == 200, answer.content
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        packed.extractall(folder)
    for path in folder.rglob("*"):
        assert len(path.name) <= 8
        assert set(path.name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    with warnings.catch_warnings():  # folders for what is added, that pydicom leaves to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        found = FileSet(folder / "DICOMDIR")
    found._stage["t"].cleanup()
    return found


@pytest.mark.service
def test_pydicom_and_dcmtk_read_it(places: tuple[Node, Node], alice: Actor, tmp_path: Path) -> None:
    for name in (name for name in phantom()[1] if not re.search(r"_0(0[3-9]|[1-9])", name)):
        studies.put(alice, places[0].uid, object_file(name), name.replace("/", " ") + ".dcm")
    found = unpacked(program_of(alice), "studies/archive?patient_id=PHANTOM-000", tmp_path)
    stored = DicomInstance.objects.filter(series__patient_id="PHANTOM-000")
    assert {one.SOPInstanceUID for one in found} == set(stored.values_list("sop_uid", flat=True))
    kinds = {kind for one in found for kind in [one.node.record_type]}
    assert {"IMAGE", "SR DOCUMENT", "KEY OBJECT DOC", "ENCAP DOC", "RT DOSE", "RT PLAN", "RT STRUCTURE SET"} <= kinds
    for one in found:
        loaded = one.load()
        assert loaded.SOPInstanceUID == one.SOPInstanceUID
        assert loaded.SeriesInstanceUID == one.SeriesInstanceUID
        assert loaded.file_meta.TransferSyntaxUID == one.ReferencedTransferSyntaxUIDInFile
    assert {str(one.PatientName) for one in found} == {str(next(iter(found)).load().PatientName)}
    dump = subprocess.run(["dcmdump", "+L", "DICOMDIR"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert dump.returncode == 0, dump.stderr
    assert dump.stdout.count("(0004,1511)") == len(found)
    assert not [line for line in dump.stderr.splitlines() if line.startswith(("E:", "W:"))]
    # Linked as DCMTK does: it goes from record to record, and appends to what it understands.
    file_ids = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("IM*")]
    own = ["dcmmkdir", "+m", "-Pgp", "-Nxc", "-Nec", "+I", "+D", "OTHER", *file_ids]
    made = subprocess.run(own, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    theirs = pydicom.dcmread(tmp_path / "OTHER").DirectoryRecordSequence
    mine = pydicom.dcmread(tmp_path / "DICOMDIR").DirectoryRecordSequence

    def listed(records: list[pydicom.Dataset]) -> set[tuple[str, str]]:
        files = (one for one in records if "ReferencedFileID" in one)
        return {(one.DirectoryRecordType, one.ReferencedSOPInstanceUIDInFile) for one in files}

    assert listed(mine) == listed(theirs)
    assert len(mine) == len(theirs)


def test_what_one_may_not_read_is_not_in_it(
    places: tuple[Node, Node], alice: Actor, bob: Actor, mallory: Actor, tmp_path: Path
) -> None:
    studies.put_series(alice, places[0], 2, study="1.2.71", series="1.2.71.1")
    studies.put_series(alice, places[1], 3, study="1.2.71", series="1.2.71.2", StudyDescription="Hidden")
    folder = services.create_folder(actor=alice, parent=places[1].uid, name="More")
    studies.put_series(alice, folder, 1, study="1.2.72", series="1.2.72.1")
    half = unpacked(program_of(bob), "studies/archive?study=1.2.71&study=1.2.72", tmp_path / "half")
    assert {one.SOPInstanceUID for one in half} == {"1.2.71.1.1", "1.2.71.1.2"}
    assert b"Hidden" not in (tmp_path / "half" / "DICOMDIR").read_bytes()
    audit.flush()
    noted = Event.objects.filter(action="study.archived", actor=bob.uid).values_list("target", flat=True)
    assert set(noted) == {places[0].uid}
    whole = unpacked(program_of(alice), "studies/archive?patient_id=P1", tmp_path / "whole")
    assert len(whole) == 6
    one = unpacked(program_of(alice), "studies/archive?study=1.2.71&series=1.2.71.2", tmp_path / "one")
    assert {item.SeriesInstanceUID for item in one} == {"1.2.71.2"}
    scoped = f"studies/archive?patient_id=P1&within={places[0].uid}"
    assert len(unpacked(program_of(alice), scoped, tmp_path / "scoped")) == 2
    audit.flush()
    Event.objects.filter(action="study.archived").delete()
    part = unpacked(program_of(alice), f"studies/archive?study=1.2.71&within={places[0].uid}", tmp_path / "part")
    assert {item.SeriesInstanceUID for item in part} == {"1.2.71.1"}
    audit.flush()
    assert {event.target for event in Event.objects.filter(action="study.archived")} == {places[0].uid}
    for url in ("study=1.2.72", "study=1.2.71&series=1.2.71.2", f"study=1.2.71&within={places[1].uid}"):
        assert program_of(bob).call("GET", f"studies/archive?{url}").status_code == 404, url
    assert program_of(mallory).call("GET", "studies/archive?patient_id=P1").status_code == 404


@pytest.mark.parametrize("query", ["", "study=1.2&patient_id=P1", "study=x", "within=1"])
def test_what_is_asked_wrongly(alice: Actor, query: str) -> None:
    assert program_of(alice).call("GET", f"studies/archive?{query}").status_code == 422


def test_files_and_patients_that_lack_something(places: tuple[Node, Node], alice: Actor, tmp_path: Path) -> None:
    """No preamble, no meta information, no id, no date, no numbers, a name that is not ASCII."""
    content = encoded(image(SpecificCharacterSet="ISO_IR 192", PatientID="", StudyDate="", PatientName="Yamada^太郎"))
    meta_bytes = 12 + int.from_bytes(content[140:144], "little")
    for number, (cut, uid) in enumerate(((132, b"1.2.3.5"), (132 + meta_bytes, b"1.2.3.6"))):
        studies.put(alice, places[0].uid, content[cut:].replace(b"1.2.3.4\0", uid + b"\0"), f"{number}.dcm")
    found = unpacked(program_of(alice), "studies/archive?study=1.2.3", tmp_path)
    assert {one.load().SOPInstanceUID for one in found} == {"1.2.3.5", "1.2.3.6"}
    assert {str(one.PatientName) for one in found} == {"Yamada^太郎"}
    assert {one.PatientID for one in found} == {"UNKNOWN1"}


def test_a_long_series_is_not_held_in_memory(places: tuple[Node, Node], alice: Actor) -> None:
    for number in range(1, 13):
        big = studies.instance(number, Rows=1024, Columns=1024, PixelData=bytes(2 << 20))
        studies.put(alice, places[0].uid, big, f"{number}.dcm")
    made = queries.medium(actor=alice, studies=["1.2.3"])
    tracemalloc.start()
    size = sum(len(block) for block in zip_stream(of_medium(made)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 24 << 20
    assert peak < 8 << 20
