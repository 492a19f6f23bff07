"""STOW-RS over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from tests.support.dicomweb import BOUNDARY, Web, body_of, content, share
from tests.support.studies import instance, put
from tests.unit.dicom import files

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs.models import Blob
from sinfonietta.dicom import queries
from sinfonietta.dicom.index import placing
from sinfonietta.library import queries as library
from sinfonietta.library import services
from sinfonietta.library.models import Collection, Level, Node, Version

pytestmark = pytest.mark.django_db
DICOM_PARTS = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor) -> Web:
    return web(alice)


@pytest.fixture(autouse=True)
def _nothing_stays_in_staging() -> Iterator[None]:
    yield
    staging = settings.OPTIONS.data / "blobs" / "staging"
    assert not staging.exists() or list(staging.iterdir()) == []


def reasons(response: Any) -> list[int]:
    found = response.json()
    items = [*found.get("00081198", {}).get("Value", []), *found.get("0008119A", {}).get("Value", [])]
    return [item["00081197"]["Value"][0] for item in items]


def tree(root: Node) -> dict[str, str]:
    """Path below the root -> kind."""
    names = {root.id: ""}
    found = {}
    for node in Node.objects.filter(ancestry__startswith=root.below, trash=None).order_by("ancestry", "id"):
        names[node.id] = f"{names[node.parent_id or 0]}/{node.name}"
        found[names[node.id]] = node.kind
    return found


def test_a_study_becomes_a_folder_with_a_fileset_per_series(alices: Web, alice: Actor) -> None:
    thin = instance(1, series="1.2.3.2", SeriesNumber=2, SeriesDescription="Bone / thin")
    response = alices.store("/studies", instance(1), instance(2), thin)
    assert response.status_code == 200
    answer = response.json()
    assert answer["00081190"]["Value"] == ["http://testserver/dicomweb/studies/1.2.3"]
    stored = answer["00081199"]["Value"]
    assert [item["00081155"]["Value"] for item in stored] == [["1.2.3.1.1"], ["1.2.3.1.2"], ["1.2.3.2.1"]]
    assert stored[0]["00081190"]["Value"][0].endswith("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1")
    home = Node.objects.get(uid=library.home(actor=alice))
    assert tree(home) == {
        "/P1 20200102 Chest": "folder",
        "/P1 20200102 Chest/1 CT Axial": "fileset",
        "/P1 20200102 Chest/1 CT Axial/1.2.3.1.1.dcm": "file",
        "/P1 20200102 Chest/1 CT Axial/1.2.3.1.2.dcm": "file",
        "/P1 20200102 Chest/2 CT Bone thin": "fileset",
        "/P1 20200102 Chest/2 CT Bone thin/1.2.3.2.1.dcm": "file",
    }
    response = alices.get("/studies/1.2.3/series/1.2.3.2", "multipart/related; type=application/dicom")
    assert thin in content(response)


def test_the_same_again_succeeds_and_changes_nothing(alices: Web, box: Node) -> None:
    root = f"/collections/{box.uid}"
    assert alices.store(f"{root}/studies", instance(1), instance(1)).status_code == 200
    before = tree(box), Version.objects.count(), Blob.objects.count()
    response = alices.store(f"{root}/studies/1.2.3", instance(1))
    assert (response.status_code, len(response.json()["00081199"]["Value"])) == (200, 1)
    assert (tree(box), Version.objects.count(), Blob.objects.count()) == before
    assert sum(kind == "file" for kind in before[0].values()) == 1


def test_other_content_under_a_known_uid_is_a_second_file_in_conflict(alices: Web, alice: Actor, box: Node) -> None:
    root = f"/collections/{box.uid}"
    other = instance(1, StudyDescription="Changed")
    alices.store(f"{root}/studies", instance(1))
    assert alices.store(f"{root}/studies", other).status_code == 200
    assert alices.store(f"{root}/studies", other).status_code == 200
    assert [version.state for version in Version.objects.all()] == ["conflict", "conflict"]
    assert [version.number for version in Version.objects.all()] == [1, 1]
    (study,) = queries.studies(actor=alice, root=box).rows
    assert study.instances == 1
    assert content(alices.get("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1", "application/dicom")) == other


def test_a_series_joins_its_fileset_whatever_that_is_called_by_now(alices: Web, alice: Actor, box: Node) -> None:
    root = f"/collections/{box.uid}"
    alices.store(f"{root}/studies", instance(1))
    fileset = Node.objects.get(kind="fileset")
    services.rename(actor=alice, uid=fileset.uid, name="My series")
    assert fileset.parent is not None
    services.rename(actor=alice, uid=fileset.parent.uid, name="My study")
    alices.store(
        f"{root}/studies", instance(2, StudyDescription="Other"), instance(1, series="1.2.3.2", SeriesNumber=2)
    )
    assert [path for path, kind in tree(box).items() if kind == "file"] == [
        "/My study/My series/1.2.3.1.1.dcm",
        "/My study/My series/1.2.3.1.2.dcm",
        "/My study/2 CT Axial/1.2.3.2.1.dcm",
    ]


@pytest.mark.parametrize("own", ["1.2.3.1", "1.2.3.2"])
def test_a_series_that_another_request_brings_at_the_same_moment_is_joined(
    alices: Web, box: Node, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """Its place is not there when it is looked for, and its name is taken when a new place gets one."""
    root = f"/collections/{box.uid}"
    alices.store(f"{root}/studies", instance(1), instance(2, series=own))
    look, missed = placing.place, [None]
    monkeypatch.setattr(placing, "place", lambda *asked: missed.pop() if missed else look(*asked))
    assert alices.store(f"{root}/studies", instance(3, series=own)).status_code == 200
    kinds = list(tree(box).values())
    assert (kinds.count("folder"), kinds.count("fileset")) == (1, len({"1.2.3.1", own}))


def test_studies_and_series_that_look_alike_stay_apart(alices: Web, box: Node) -> None:
    root = f"/collections/{box.uid}"
    for _ in range(2):
        alices.store(
            f"{root}/studies",
            instance(1, study="1.1", series="1.1.1"),
            instance(1, study="1.1", series="1.1.2"),
            instance(1, study="1.2", series="1.2.1"),
        )
    filesets = Node.objects.filter(kind="fileset")
    assert filesets.count() == 3
    assert len({fileset.parent_id for fileset in filesets}) == 2
    assert all(fileset.children.count() == 1 for fileset in filesets)


def test_into_a_fileset_goes_straight(alices: Web, alice: Actor, box: Node) -> None:
    fileset = services.create_fileset(actor=alice, parent=box.uid, name="Mine")
    assert alices.store(f"/folders/{fileset.uid}/studies", instance(1)).status_code == 200
    assert list(tree(box)) == ["/Mine", "/Mine/1.2.3.1.1.dcm"]


def test_one_without_parts(alices: Web, box: Node) -> None:
    response = alices.post(f"/collections/{box.uid}/studies", instance(1), "application/dicom")
    assert (response.status_code, len(response.json()["00081199"]["Value"])) == (200, 1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"no DICOM at all", 0xC000),
        (b"", 0xC000),
        (instance(7)[:-30], 0xC000),
        (instance(7, SeriesInstanceUID="1.2.3.1", StudyInstanceUID="9.9"), 0xA900),
        (files.without_pixels(StudyInstanceUID=None), 0xC000),
        (files.lying_length(), 0xC000),
        (files.nested(500), 0xC000),
    ],
)
def test_what_cannot_be_stored_is_named_and_the_rest_is_stored(alices: Web, box: Node, bad: bytes, reason: int) -> None:
    response = alices.store(f"/collections/{box.uid}/studies/1.2.3", instance(1), bad, instance(2))
    assert (response.status_code, reasons(response)) == (202, [reason])
    assert len(response.json()["00081199"]["Value"]) == 2
    assert response["Warning"].startswith("299 ")
    alone = alices.store(f"/collections/{box.uid}/studies/1.2.3", bad)
    assert (alone.status_code, reasons(alone)) == (409, [reason])
    assert Node.objects.filter(kind="file").count() == 2


def test_uids_that_climb_are_refused_and_not_repeated(alices: Web, box: Node) -> None:
    evil = instance(1).replace(b"1.2.3.1.1\0", b"../../../e")
    response = alices.store(f"/collections/{box.uid}/studies", evil)
    assert (response.status_code, reasons(response)) == (409, [0xC000])
    assert b".." not in response.content
    assert tree(box) == {}


def test_a_full_quota_is_said_by_the_code_for_it(alices: Web, box: Node) -> None:
    Collection.objects.filter(node=box).update(quota_bytes=len(instance(1)) + 10)
    response = alices.store(f"/collections/{box.uid}/studies", instance(1), instance(2))
    assert (response.status_code, reasons(response)) == (202, [0xA700])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"\r\n", DICOM_PARTS, 400),
        (b"--" + BOUNDARY.encode() + b"--\r\n", DICOM_PARTS, 400),
        (body_of(instance(1))[:-40], DICOM_PARTS, 400),
        (b"x" * 300_000, DICOM_PARTS, 400),
        (body_of(instance(1)), 'multipart/related; type="application/dicom"', 400),
        (body_of(instance(1)), f"multipart/related; type=application/dicom+json; boundary={BOUNDARY}", 400),
        (body_of(instance(1)), f"multipart/related; type=image/jpeg; boundary={BOUNDARY}", 415),
        (body_of(b"{}", part_type="application/dicom+json"), DICOM_PARTS, 415),
        (b"[]", "application/dicom+json", 415),
        (b"--" + BOUNDARY.encode() + b"\r\n" + b"X: " + b"y" * 20_000, DICOM_PARTS, 400),
        (b"--" + BOUNDARY.encode() + b"\r\nno colon\r\n\r\nabc", DICOM_PARTS, 400),
    ],
)
def test_bodies_that_are_none(alices: Web, box: Node, body: bytes, content_type: str, status: int) -> None:
    response = alices.post(f"/collections/{box.uid}/studies", body, content_type)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert tree(box) == {}


def test_too_many_parts(alices: Web, box: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinfonietta.interfaces.dicomweb.stow.MOST_PARTS", 3)
    assert alices.store(f"/collections/{box.uid}/studies", *[b"x"] * 4).status_code == 413


def test_only_who_may_write_stores(
    alices: Web, web: Callable[..., Web], alice: Actor, bob: Actor, mallory: Actor, box: Node
) -> None:
    share(alice, box, bob, Level.READ)
    path = f"/collections/{box.uid}/studies"
    assert web(mallory).store(path, instance(1)).status_code == 404
    assert web(bob).store(path, instance(1)).status_code == 403
    assert web(alice, "read").store(path, instance(1)).status_code == 403
    share(alice, box, bob, Level.WRITE)
    assert web(bob).store(path, instance(1)).status_code == 200


def test_what_somebody_else_has_neither_blocks_nor_is_touched(
    alices: Web, web: Callable[..., Web], alice: Actor, mallory: Actor, box: Node
) -> None:
    original = instance(1)
    put(alice, box.uid, original)
    response = web(mallory).store("/studies", instance(1, PatientName="Mallory^M"))
    assert (response.status_code, "00081198" in response.json()) == (200, False)
    assert content(alices.get("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1", "application/dicom")) == original
    assert [version.state for version in Version.objects.all()] == ["ready", "ready"]


def test_many_in_several_batches(alices: Web, alice: Actor, box: Node) -> None:
    response = alices.store(f"/collections/{box.uid}/studies", *[instance(number) for number in range(1, 46)])
    assert (response.status_code, len(response.json()["00081199"]["Value"])) == (200, 45)
    assert queries.study(actor=alice, uid="1.2.3").instances == 45
