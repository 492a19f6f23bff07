"""QIDO-RS over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from tests.support.dicomweb import Web, share
from tests.support.studies import instance, put, put_series
from tests.unit.dicom.files import encoded, image

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import services
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
OHIF_STUDIES = "/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030,00080060,00080090,00100030"


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor, box: Node) -> Web:
    put_series(alice, box, 2)
    put_series(
        alice, services.create_fileset(actor=alice, parent=box.uid, name="MR"), 1, series="1.2.3.2", Modality="MR"
    )
    return web(alice)


def value(element: dict[str, object]) -> object:
    return element["Value"][0]  # type: ignore[index]


def test_studies_as_ohif_asks(alices: Web) -> None:
    response = alices.get(OHIF_STUDIES + "&StudyInstanceUID=1.2.3", "application/dicom+json")
    assert response["Content-Type"] == "application/dicom+json"
    (study,) = response.json()
    assert value(study["0020000D"]) == "1.2.3"
    assert value(study["00100010"]) == {"Alphabetic": "Phantom^Anna"}
    assert study["00080061"] == {"vr": "CS", "Value": ["CT", "MR"]}
    assert (value(study["00201206"]), value(study["00201208"])) == (2, 3)
    assert value(study["00081190"]) == "http://testserver/dicomweb/studies/1.2.3"


def test_what_an_answer_must_have_is_there_though_the_file_has_it_not(
    web: Callable[..., Web], alice: Actor, box: Node
) -> None:
    """PS3.18 tables 10.6.3-3 to 10.6.3-5; what is required only where there is a value stays away."""
    bare = encoded(image(PatientName=None, Modality=None))
    put(alice, box.uid, bare)
    alices = web(alice)
    (study,), (series,), (one,) = (alices.get(f"/{level}").json() for level in ("studies", "series", "instances"))
    for tag, vr in (("00080020", "DA"), ("00080030", "TM"), ("00080050", "SH"), ("00080090", "PN"), ("00100010", "PN"),
                    ("00100020", "LO"), ("00100030", "DA"), ("00100040", "CS"), ("00200010", "SH")):  # fmt: skip
        assert study[tag] == {"vr": vr}
    assert (series["00080060"], series["00200011"], one["00200013"]) == ({"vr": "CS"}, {"vr": "IS"}, {"vr": "IS"})
    assert not {"00080201", "0008103E", "00400275"} & (study.keys() | series.keys() | one.keys())


def test_series_of_a_study(alices: Web) -> None:
    found = alices.get("/studies/1.2.3/series?includefield=00080021,00080031,0008103E,00200011").json()
    assert [(value(one["0020000E"]), value(one["00080060"]), value(one["00201209"])) for one in found] == [
        ("1.2.3.1", "CT", 2),
        ("1.2.3.2", "MR", 1),
    ]
    assert value(found[0]["0008103E"]) == "Axial"
    assert value(found[0]["00081190"]).endswith("/studies/1.2.3/series/1.2.3.1")  # type: ignore[attr-defined]
    assert [value(one["00080060"]) for one in alices.get("/series?Modality=MR").json()] == ["MR"]
    assert "00100020" in alices.get("/series?Modality=MR").json()[0]
    assert len(alices.get("/series?ModalitiesInStudy=MR").json()) == 2


@pytest.mark.parametrize(
    "path",
    ["/instances", "/studies/1.2.3/instances", "/studies/1.2.3/series/1.2.3.1/instances"],
)
def test_instances_at_all_levels(alices: Web, path: str) -> None:
    found = alices.get(path + "?SOPInstanceUID=1.2.3.1.2").json()
    assert [value(one["00080018"]) for one in found] == ["1.2.3.1.2"]
    (one,) = found
    assert (value(one["0020000D"]), value(one["0020000E"]), value(one["00280010"])) == ("1.2.3", "1.2.3.1", 4)
    assert value(one["00083002"]) == "1.2.840.10008.1.2.1"
    assert value(one["00081190"]).endswith("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.2")  # type: ignore[attr-defined]
    assert "00281050" not in one
    (one,) = alices.get(f"{path}?SOPInstanceUID=1.2.3.1.2&includefield=PatientName&includefield=Modality").json()
    assert (value(one["00100010"]), value(one["00080060"])) == ({"Alphabetic": "Phantom^Anna"}, "CT")
    for field in ("00281050", "WindowCenter", "all"):
        (one,) = alices.get(f"{path}?SOPInstanceUID=1.2.3.1.2&includefield={field}").json()
        assert one["00281050"]["Value"] == [40]
        assert value(one["00080018"]) == "1.2.3.1.2"


def test_every_member_stands_once(alices: Web) -> None:
    """A JSON object with a member twice is read differently by different readers."""
    for path in ("/studies", "/series", "/instances", "/instances?includefield=all", "/studies/1.2.3/instances"):
        response = alices.get(path)

        def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
            assert len(dict(pairs)) == len(pairs), pairs
            return dict(pairs)

        import json

        json.loads(response.content, object_pairs_hook=once)


def test_nothing_found_is_an_empty_list(alices: Web) -> None:
    response = alices.get("/studies?PatientID=nobody")
    assert (response.status_code, response.content) == (200, b"[]")


def test_pages_say_that_there_is_more(alices: Web) -> None:
    first = alices.get("/instances?limit=2")
    assert len(first.json()) == 2
    assert first["Warning"].startswith("299 ")
    second = alices.get("/instances?limit=2&offset=2")
    assert len(second.json()) == 1
    assert "Warning" not in second


@pytest.mark.parametrize(
    "query",
    [
        "Nonsense=1",
        "00111111=1",
        "limit=many",
        "limit=-1",
        "offset=x",
        "fuzzymatching=perhaps",
        "includefield=Nonsense",
        "StudyDate=yesterday",
        "StudyDate=-",
        "StudyInstanceUID=../../etc",
        "StudyInstanceUID=1.2'%20OR%201=1",
        "SOPInstanceUID=1.2",
        "PatientID=a%00b",
    ],
)
def test_bad_questions_are_refused_by_name(alices: Web, query: str) -> None:
    response = alices.get(f"/studies?{query}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 400


def test_another_media_type_is_not_acceptable(alices: Web) -> None:
    assert alices.get("/studies", "application/dicom+xml").status_code == 406
    assert alices.get("/studies", "text/html").status_code == 406
    assert alices.get("/studies", "application/json")["Content-Type"] == "application/json"


def test_scoped_roots_show_what_lies_below(alices: Web, alice: Actor, box: Node) -> None:
    fileset = Node.objects.get(name="MR")
    other = services.create_collection(actor=alice, name="Other")
    put(alice, other.uid, instance(5, study="9.9", series="9.9.1"))
    assert len(alices.get("/studies").json()) == 2
    for root, instances in (
        (f"/collections/{box.uid}", 3),
        (f"/folders/{box.uid}", 3),
        (f"/folders/{fileset.uid}", 1),
        (f"/collections/{other.uid}", 1),
    ):
        (study,) = alices.get(f"{root}/studies").json()
        assert value(study["00201208"]) == instances
        assert value(study["00081190"]).startswith(f"http://testserver/dicomweb{root}/studies/")  # type: ignore[attr-defined]
    assert alices.get(f"/collections/{other.uid}/studies?StudyInstanceUID=1.2.3").json() == []
    for path in (
        f"/collections/{fileset.uid}/studies",
        f"/collections/{uuid4()}/studies",
        f"/folders/{uuid4()}/series",
    ):
        assert alices.get(path).status_code == 404


def test_a_colleague_finds_what_was_shared_and_no_more(
    alices: Web, web: Callable[..., Web], alice: Actor, bob: Actor
) -> None:
    bobs, fileset = web(bob), Node.objects.get(name="MR")
    assert bobs.get("/studies").json() == []
    share(alice, fileset, bob)
    (study,) = bobs.get("/studies").json()
    assert study["00080061"]["Value"] == ["MR"]
    assert (value(study["00201206"]), value(study["00201208"])) == (1, 1)
    assert bobs.get("/studies?ModalitiesInStudy=CT").json() == []
    assert bobs.get("/studies/1.2.3/series/1.2.3.1/instances").json() == []


def test_the_number_of_queries_does_not_grow(
    alices: Web, alice: Actor, box: Node, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    for number in range(5):
        put(alice, box.uid, instance(1, study=f"5.{number}", series=f"5.{number}.1"), f"{number}.dcm")
    for path, most in (("/studies", 8), ("/series", 8), ("/instances", 7), ("/instances?includefield=all", 8)):
        with django_assert_max_num_queries(most):  # type: ignore[attr-defined]
            assert len(alices.get(path).json()) > 5


@pytest.fixture
def several(web: Callable[..., Web], alice: Actor, box: Node) -> Web:
    """Four studies; two series of 1.2 disagree about the date and the name, and only the earlier one is an MR."""
    said = [
        ("1.2", "1.2.1", "20210101", "Zander^A", "CT"),
        ("1.2", "1.2.2", "20200101", "Aal^A", "MR"),
        ("1.3", "1.3.1", "20200601", "Barsch^B", "MR"),
        ("1.4", "1.4.1", "20220101", "Aal^C", "CT"),
        ("1.5", "1.5.1", "20190101", "Aland^D", "MR"),
    ]
    for study, series, date, name, modality in said:
        content = instance(1, study=study, series=series, StudyDate=date, PatientName=name, Modality=modality)
        put(alice, box.uid, content, f"{series}.dcm")
    return web(alice)


@pytest.mark.parametrize(
    ("asked", "studies"),
    [
        ("", ["1.4", "1.2", "1.3", "1.5"]),
        ("?ModalitiesInStudy=MR", ["1.3", "1.2", "1.5"]),
        ("?ModalitiesInStudy=MR&Modality=CT", ["1.2"]),
        ("?ModalitiesInStudy=MR,CT&limit=2", ["1.4", "1.2"]),
        ("?ModalitiesInStudy=MR&offset=1&limit=1", ["1.2"]),
        ("?PatientName=A*", ["1.2", "1.4", "1.5"]),
        ("?PatientName=A*&offset=1&limit=1", ["1.4"]),
        ("?PatientName=?a*", ["1.4", "1.2", "1.3"]),
        ("?PatientName=*a*", ["1.4", "1.2", "1.3", "1.5"]),
        ("?PatientName=Z*", ["1.2"]),
        ("?PatientName=A*&ModalitiesInStudy=CT", ["1.2", "1.4"]),
        ("?PatientName=A*&StudyDate=20200101-20211231", ["1.2"]),
    ],
)
def test_order_of_studies(several: Web, asked: str, studies: list[str]) -> None:
    """The newest first; by name where it is asked how that begins. What disagrees stands where its first row does."""
    assert [value(one["0020000D"]) for one in several.get(f"/studies{asked}").json()] == studies
