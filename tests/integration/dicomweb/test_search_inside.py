"""Searching by attributes without a column, by what is in sequences, loosely by names; and answers in XML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from tests.support.dicomweb import Web, content
from tests.support.studies import instance, put

from sinfonietta.accounts.actor import Actor
from sinfonietta.dicom.dataset.native import from_xml
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db


def request(step: str, procedure: str) -> Dataset:
    found = Dataset()
    found.ScheduledProcedureStepID, found.RequestedProcedureID = step, procedure
    return found


STUDIES: list[dict[str, Any]] = [
    {
        "study": "1.1", "PatientName": "Müller-Lüdenscheidt^Änne^^Dr", "PatientAge": "042Y", "PatientWeight": "71.5",
        "InstitutionName": "Klinik Nord", "PerformedProcedureStepStartDate": "20200102", "Modality": "CT",
        "RequestAttributesSequence": Sequence([request("S1", "R1"), request("S2", "R1")]),
        "SpecificCharacterSet": "ISO_IR 192",
    },
    {
        "study": "1.2", "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "PatientAge": "007Y",
        "InstitutionName": "Klinik Süd", "PerformedProcedureStepStartDate": "20210304", "Modality": "MR",
        "RequestAttributesSequence": Sequence([request("S3", "R[9]")]), "SpecificCharacterSet": "ISO_IR 192",
        "Manufacturer": "100%_ACME",
    },
    {"study": "1.3", "PatientName": "van der Berg^Jan", "Modality": "CT", "Rows": 4, "InstanceNumber": 7},
]  # fmt: skip


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor, box: Node) -> Web:
    for more in STUDIES:
        uid = more["study"]
        put(alice, box.uid, instance(**({"number": 1, "series": f"{uid}.1"} | more)), f"{uid}.dcm")
    return web(alice)


def found(web: Web, query: str, level: str = "studies") -> list[str]:
    response = web.get(f"/{level}?{query}")
    assert response.status_code == 200, response.content
    return sorted(one["0020000D"]["Value"][0] for one in response.json())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("RequestAttributesSequence.ScheduledProcedureStepID=S2", ["1.1"]),
        ("00400275.00400009=S*", ["1.1", "1.2"]),
        ("00400275.00400009=S?&00400275.00401001=R1", ["1.1"]),
        ("00400275.RequestedProcedureID=R[9]", ["1.2"]),
        ("00400275.00401001=R9", []),
        ("PerformedProcedureStepStartDate=20200101-20201231", ["1.1"]),
        ("00400244=20210101-", ["1.2"]),
        ("00400244=-20210101", ["1.1"]),
        ("00400244=20210304", ["1.2"]),
        ("InstitutionName=Klinik*", ["1.1", "1.2"]),
        ("InstitutionName=klinik*", []),
        ("InstitutionName=*S%C3%BCd", ["1.2"]),
        ("Manufacturer=100%25_*", ["1.2"]),
        ("Manufacturer=100%25X*", []),
        ("PatientAge=007Y", ["1.2"]),
        ("PatientWeight=71.5", ["1.1"]),
        ("PatientName=m%C3%BCller*", ["1.1"]),
        ("PatientName=%E5%B1%B1%E7%94%B0*", ["1.2"]),
        ("PatientName=%E3%82%84%E3%81%BE%E3%81%A0^*", ["1.2"]),
        ("PatientName=berg", []),
        ("PatientName=berg&fuzzymatching=true", ["1.3"]),
        ("PatientName=jan van&fuzzymatching=true", ["1.3"]),
        ("PatientName=%C3%A4nn l%C3%BCden&fuzzymatching=true", ["1.1"]),
        ("PatientName=TAROU&fuzzymatching=true", ["1.2"]),
        ("PatientName=erg&fuzzymatching=true", []),
        ("PatientName=jan&fuzzymatching=false", []),
        ("ModalitiesInStudy=CT&InstitutionName=*Nord", ["1.1"]),
        ("StudyInstanceUID=1.1,1.3", ["1.1", "1.3"]),
        ("StudyInstanceUID=1.1%5C1.2", ["1.1", "1.2"]),
        ("00400275.00400009=*", ["1.1", "1.2", "1.3"]),
    ],
)
def test_keys(alices: Web, query: str, expected: list[str]) -> None:
    assert found(alices, query) == expected
    assert found(alices, query, "series") == expected
    assert found(alices, query, "instances") == expected


def test_keys_of_instances(alices: Web) -> None:
    assert found(alices, "Rows=4&InstanceNumber=7", "instances") == ["1.3"]
    assert found(alices, "00280010=5", "instances") == []
    assert found(alices, "PhotometricInterpretation=MONO*", "instances") == ["1.1", "1.2", "1.3"]
    assert alices.get("/series?Rows=4").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["00400275=x", "00400275.0040=1", "Nonsense.00400009=1", "00400275.Nonsense=1", ".=1", "PatientWeight=heavy",
     "00400275.00400009=a%00b", ".".join(["00400275"] * 9) + "=1", "00400275.00400008=x", "WindowCenter=1",
     "00400244=x-y"],
)  # fmt: skip
def test_bad_keys(alices: Web, query: str) -> None:
    assert alices.get(f"/studies?{query}").status_code == 400


def test_includefield_of_a_path(alices: Web) -> None:
    for field in ("00400275.00400009", "RequestAttributesSequence.ScheduledProcedureStepID", "00400275"):
        (one,) = alices.get(f"/studies/1.1/series/1.1.1/instances?includefield={field}").json()
        assert one["00400275"]["Value"][1]["00400009"]["Value"] == ["S2"]
    (one,) = alices.get("/studies/1.1/series/1.1.1/instances").json()
    assert "00400275" not in one


XML = 'multipart/related; type="application/dicom+xml"'


def documents(response: Any) -> list[dict[str, Any]]:
    assert response["Content-Type"].startswith('multipart/related; type="application/dicom+xml"; boundary=')
    boundary = response["Content-Type"].partition("boundary=")[2].encode()
    pieces = content(response).split(b"\r\n--" + boundary)
    assert pieces[-1] == b"--\r\n"
    assert all(b"Content-Type: application/dicom+xml" in piece for piece in pieces[1:-1])
    return [from_xml(piece.partition(b"\r\n\r\n")[2]) for piece in pieces[1:-1]]


def test_the_same_in_xml(alices: Web) -> None:
    for path in ("/studies", "/series", "/instances", "/studies/1.2/metadata", "/studies/1.2/series/1.2.1/metadata"):
        as_json = alices.get(path)
        expected = __import__("json").loads(content(as_json))
        assert documents(alices.get(path, XML)) == expected, path
    assert documents(alices.get("/studies?PatientID=nobody", XML)) == []
    assert alices.get("/studies?charset=utf-8").status_code == 200
    assert alices.get("/studies?charset=iso-8859-1").status_code == 406


def test_nobody_matches_what_they_do_not_see(alices: Web, web: Callable[..., Web], mallory: Actor) -> None:
    assert found(web(mallory), "InstitutionName=Klinik*") == []
    assert found(web(mallory), "00400275.00400009=S*", "instances") == []
