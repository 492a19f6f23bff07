"""C-FIND by DCMTK and pynetdicom, as an account that sees everything and as one that sees half."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.ae import ApplicationEntity
from tests.integration.dimse.conftest import HALF
from tests.support.dimse import OURS, THEIRS, Door, to_us

if TYPE_CHECKING:
    from tests.integration.dimse.conftest import Archive

    from sinfonietta.accounts.actor import Actor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"


def ask(door: Door, level: str, title: str = THEIRS, root: str = STUDY_ROOT, **keys: Any) -> tuple[list[Dataset], int]:
    """The answers, and the last status, by pynetdicom."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    entity = ApplicationEntity(title)
    entity.add_requested_context(root)
    association = entity.associate("127.0.0.1", door.port, ae_title=OURS)
    assert association.is_established
    answers, status = [], -1
    for said, found in association.send_c_find(identifier, root):
        status = said.Status
        if found is not None:
            answers.append(found)
    association.release()
    return answers, status


def test_studies_with_counts(door: Door, archive: Archive) -> None:
    keys = {
        "StudyInstanceUID": "", "PatientName": "", "ModalitiesInStudy": "", "NumberOfStudyRelatedSeries": "",
        "NumberOfStudyRelatedInstances": "", "SOPClassesInStudy": "", "AccessionNumber": "", "InstitutionName": "",
    }  # fmt: skip
    answers, status = ask(door, "STUDY", **keys)
    assert status == 0
    assert [one.StudyInstanceUID for one in answers] == ["1.2.9", "1.2.3"]
    whole = answers[1]
    assert list(whole.ModalitiesInStudy) == ["CT", "MR"]
    assert (whole.NumberOfStudyRelatedSeries, whole.NumberOfStudyRelatedInstances) == (2, 5)
    assert whole.SOPClassesInStudy == "1.2.840.10008.5.1.4.1.1.2"
    assert (whole.RetrieveAETitle, whole.QueryRetrieveLevel, whole.InstitutionName) == (OURS, "STUDY", "")
    # Who sees half sees a study of one series, and no other.
    half, _ = ask(door, "STUDY", HALF, **keys)
    assert [one.StudyInstanceUID for one in half] == ["1.2.3"]
    assert half[0].ModalitiesInStudy == "CT"
    assert (half[0].NumberOfStudyRelatedSeries, half[0].NumberOfStudyRelatedInstances) == (1, 2)


def test_nothing_of_the_other_half_at_any_level(door: Door, archive: Archive) -> None:
    counts = {
        "NumberOfPatientRelatedStudies": "", "NumberOfPatientRelatedSeries": "", "NumberOfPatientRelatedInstances": "",
    }  # fmt: skip

    def numbers(title: str) -> list[tuple[str, int, int, int]]:
        found, status = ask(door, "PATIENT", title, PATIENT_ROOT, PatientID="", **counts)
        assert status == 0
        return [
            (
                one.PatientID, one.NumberOfPatientRelatedStudies, one.NumberOfPatientRelatedSeries,
                one.NumberOfPatientRelatedInstances,
            )
            for one in found
        ]  # fmt: skip

    assert numbers(THEIRS) == [("P1", 1, 2, 5), ("P2", 1, 1, 1)]
    assert numbers(HALF) == [("P1", 1, 1, 2)]
    for title, series, instances in ((THEIRS, 2, 5), (HALF, 1, 2)):
        found, _ = ask(
            door, "SERIES", title, StudyInstanceUID="1.2.3", SeriesInstanceUID="", NumberOfSeriesRelatedInstances=""
        )
        assert len(found) == series
        found, _ = ask(door, "IMAGE", title, StudyInstanceUID="1.2.3", SeriesInstanceUID="", SOPInstanceUID="")
        assert len(found) == instances
    for keys in (
        {"StudyInstanceUID": "1.2.9"}, {"PatientName": "Gr*"}, {"ModalitiesInStudy": "MR"}, {"PatientID": "P2"},
    ):  # fmt: skip
        assert ask(door, "STUDY", HALF, **keys) == ([], 0)
    hidden, _ = ask(door, "IMAGE", HALF, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.2", SOPInstanceUID="")
    assert hidden == []


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"PatientName": "muster*"}, ["1.2.3"]),
        ({"PatientName": "MUSTER^ANNA"}, ["1.2.3"]),
        ({"PatientName": "M?ster*"}, ["1.2.3"]),
        ({"StudyDate": "20240101-20241231"}, ["1.2.9"]),
        ({"StudyDate": "-20231231"}, ["1.2.3"]),
        ({"StudyDate": "20200102"}, ["1.2.3"]),
        ({"StudyInstanceUID": ["1.2.9", "1.2.3", "1.2.77"]}, ["1.2.9", "1.2.3"]),
        ({"ModalitiesInStudy": "MR"}, ["1.2.3"]),
        ({"PatientID": "P2", "StudyDescription": "H*"}, ["1.2.9"]),
        ({"AccessionNumber": "A1"}, ["1.2.9", "1.2.3"]),
        ({"PatientID": "*"}, ["1.2.9", "1.2.3"]),
        ({"PatientID": "p2"}, []),
    ],
)
def test_matching(door: Door, archive: Archive, keys: dict[str, Any], found: list[str]) -> None:
    answers, status = ask(door, "STUDY", **({"StudyInstanceUID": ""} | keys))
    assert status == 0
    assert [one.StudyInstanceUID for one in answers] == found


def test_character_sets(door: Door, archive: Archive) -> None:
    utf8, _ = ask(door, "STUDY", PatientName="Größe*", SpecificCharacterSet="ISO_IR 192")
    assert (utf8[0].SpecificCharacterSet, utf8[0].PatientName) == ("ISO_IR 192", "Größe^Jörg")
    latin, _ = ask(door, "STUDY", PatientName="Größe*", SpecificCharacterSet="ISO_IR 100")
    assert (latin[0].SpecificCharacterSet, latin[0].PatientName) == ("ISO_IR 100", "Größe^Jörg")
    greek, _ = ask(door, "STUDY", PatientID="P2", PatientName="", SpecificCharacterSet="ISO_IR 126")
    assert (greek[0].SpecificCharacterSet, greek[0].PatientName) == ("ISO_IR 192", "Größe^Jörg")
    plain, _ = ask(door, "STUDY", PatientID="P1", PatientName="")
    assert "SpecificCharacterSet" not in plain[0]


def test_any_attribute_of_an_instance_can_be_asked_for(door: Door, archive: Archive) -> None:
    found, status = ask(door, "IMAGE", SeriesInstanceUID="1.2.3.1", WindowCenter="", Rows=None, SOPInstanceUID="")
    assert status == 0
    assert [(one.WindowCenter, one.Rows) for one in found] == [(40, 4), (40, 4)]


def requested(step: str = "", procedure: str | None = None) -> list[Dataset]:
    """A RequestAttributesSequence with one item."""
    item = Dataset()
    item.ScheduledProcedureStepID = step
    if procedure is not None:
        item.RequestedProcedureID = procedure
    return [item]


@pytest.mark.parametrize(("step", "found"), [("S1", ["1.2.7.1"]), ("S*", ["1.2.7.1", "1.2.7.2"]), ("S9", [])])
def test_what_is_in_sequences_is_matched_and_returned(
    door: Door, peer: None, alice: Actor, step: str, found: list[str]
) -> None:
    from tests.support.studies import instance, put

    from sinfonietta.library.queries import home

    place = home(actor=alice)
    assert place
    for number in (1, 2):
        more = {"RequestAttributesSequence": requested(f"S{number}", "R7")}
        put(alice, place, instance(number, study="1.2.7", series=f"1.2.7.{number}", **more), f"{number}.dcm")
    keys = {"StudyInstanceUID": "1.2.7", "SeriesInstanceUID": "", "RequestAttributesSequence": requested(step)}
    answers, status = ask(door, "SERIES", **keys)
    assert status == 0
    assert [one.SeriesInstanceUID for one in answers] == found
    # Of each item what was asked for, and no more; all of it where nothing of it was named.
    items = [one.RequestAttributesSequence[0] for one in answers]
    assert [(item.ScheduledProcedureStepID, "RequestedProcedureID" in item) for item in items] == [
        (f"S{uid[-1]}", False) for uid in found
    ]
    whole, _ = ask(door, "SERIES", StudyInstanceUID="1.2.7", SeriesInstanceUID="", RequestAttributesSequence=[])
    assert [one.RequestAttributesSequence[0].RequestedProcedureID for one in whole] == ["R7", "R7"]
    said = to_us(
        "findscu", door, "-S", "-k", "QueryRetrieveLevel=SERIES", "-k", "SeriesInstanceUID",
        "-k", f"(0040,0275)[0].(0040,0009)={step}",
    )  # fmt: skip
    assert re.findall(r"\(0020,000e\) UI \[([0-9.]+)", said.text) == found


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_bad_questions(door: Door, archive: Archive) -> None:
    assert ask(door, "PATIENT", PatientID="") == ([], 0xA900)  # not in study root
    assert ask(door, "GALAXY", PatientID="") == ([], 0xA900)
    wrong = ask(door, "STUDY", StudyTime="noon")
    assert wrong == ([], 0xA900)


def test_findscu(door: Door, archive: Archive) -> None:
    keys = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientName=M*")
    said = to_us("findscu", door, *keys)
    assert said.code == 0
    assert re.findall(r"\(0020,000d\) UI \[([0-9.]+)", said.text) == ["1.2.3"]
    cancelled = to_us("findscu", door, "--cancel", "1", "-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", "SOPInstanceUID")
    assert cancelled.code == 0
