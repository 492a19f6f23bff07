"""The index follows files, counts within rights, and never lets one person disturb another."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db.models import Q
from tests.support.studies import instance, put, put_series

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom import queries
from sinfonietta.dicom.index import selection
from sinfonietta.dicom.models import DicomInstance, DicomSeries
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node, Version

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(alice: Actor) -> Node:
    """A collection of Alice's."""
    return services.create_collection(actor=alice, name="Box")


def counts(actor: Actor, root: Node | None = None) -> dict[str, int]:
    return {study.study_uid: study.instances for study in queries.studies(actor=actor, root=root).rows}


def state(filed: services.Filed) -> str:
    return Version.objects.get(id=filed.version.id).state


def test_a_file_becomes_an_instance_and_its_series_is_described(alice: Actor, box: Node) -> None:
    put_series(alice, box, 3)
    study = queries.study(actor=alice, uid="1.2.3")
    assert (study.instances, study.modalities, len(study.series)) == (3, ["CT"], 1)
    assert study.attributes["00100010"]["Value"] == [{"Alphabetic": "Phantom^Anna"}]
    row = study.shown
    assert (row.patient_id, row.study_date, row.accession_number) == ("P1", "20200102", "A1")
    assert row.size_bytes == sum(Version.objects.values_list("size_bytes", flat=True))
    assert [one.instance_number for one in queries.instances(actor=alice).rows] == [1, 2, 3]


def test_a_stranger_sees_nothing(alice: Actor, mallory: Actor, admin: Actor, box: Node) -> None:
    put_series(alice, box, 2)
    for stranger in (mallory, admin):
        assert counts(stranger) == {}
        assert queries.count_studies(actor=stranger) == 0
        assert not queries.series(actor=stranger).rows
        assert not queries.instances(actor=stranger).rows
        with pytest.raises(NotFound):
            queries.study(actor=stranger, uid="1.2.3")
        with pytest.raises(NotFound):
            queries.root(actor=stranger, uid=box.uid, kinds=["collection"])
        with pytest.raises(NotFound):
            queries.instance(actor=stranger, study="1.2.3", series="1.2.3.1", uid="1.2.3.1.1")


def test_two_people_with_the_same_uids_do_not_meet(alice: Actor, bob: Actor, box: Node) -> None:
    other = services.create_collection(actor=bob, name="Bob's")
    hers = put(alice, box.uid, instance(1, PatientName="Hers^A"))
    his = put(bob, other.uid, instance(1, PatientName="His^B", StudyDescription="Other"))
    assert (state(hers), state(his)) == ("ready", "ready")
    for actor, name in ((alice, "Hers^A"), (bob, "His^B")):
        study = queries.study(actor=actor, uid="1.2.3")
        assert study.instances == 1
        assert study.attributes["00100010"]["Value"] == [{"Alphabetic": name}]


def test_what_is_visible_in_two_places_is_counted_once(alice: Actor, bob: Actor, box: Node) -> None:
    other = services.create_collection(actor=bob, name="Bob's")
    put_series(alice, box, 3)
    put_series(bob, other, 2)
    put(bob, other.uid, instance(9), "9.dcm")
    assert (counts(alice), counts(bob)) == ({"1.2.3": 3}, {"1.2.3": 3})
    share(alice, box, bob)
    assert counts(bob) == {"1.2.3": 4}
    assert counts(bob, other) == {"1.2.3": 3}
    assert len(queries.instances(actor=bob).rows) == 4
    assert [one.instances for one in queries.series(actor=bob).rows] == [4]
    assert counts(alice) == {"1.2.3": 3}


def test_the_one_filed_last_is_shown_and_nobody_else_is_told(alice: Actor, bob: Actor, box: Node) -> None:
    other = services.create_collection(actor=bob, name="Bob's")
    hers = put(alice, box.uid, instance(1))
    his = put(bob, other.uid, instance(1, StudyDescription="changed"))
    share(alice, box, bob)
    shown = queries.instance(actor=bob, study="1.2.3", series="1.2.3.1", uid="1.2.3.1.1")
    assert shown.version_id == his.version.id
    assert [one.version_id for one in queries.instances(actor=bob).rows] == [his.version.id]
    assert queries.instance(actor=alice, study="1.2.3", series="1.2.3.1", uid="1.2.3.1.1").version_id == hers.version.id
    assert (state(hers), state(his)) == ("ready", "ready")


def test_different_bytes_under_one_uid_in_one_place_are_a_conflict_until_one_is_gone(alice: Actor, box: Node) -> None:
    first = put(alice, box.uid, instance(1), "a.dcm")
    twin = put(alice, box.uid, instance(1), "b.dcm")
    assert (state(first), state(twin)) == ("ready", "ready")
    third = put(alice, box.uid, instance(1, StudyDescription="changed"), "c.dcm")
    assert third.version.state == "conflict"
    assert {state(one) for one in (first, twin, third)} == {"conflict"}
    assert counts(alice) == {"1.2.3": 1}
    services.trash(actor=alice, uid=third.node.uid)
    assert {state(one) for one in (first, twin, third)} == {"ready"}
    assert counts(alice) == {"1.2.3": 1}
    services.restore(actor=alice, uid=third.node.uid)
    assert {state(one) for one in (first, twin, third)} == {"conflict"}


def test_trash_restore_move_copy_and_purge_keep_the_counts(alice: Actor, box: Node) -> None:
    folder = services.create_folder(actor=alice, parent=box.uid, name="F")
    one, two, _ = put_series(alice, folder, 3)
    services.trash(actor=alice, uid=one.node.uid)
    assert counts(alice) == {"1.2.3": 2}
    services.move(actor=alice, uid=two.node.uid, parent=box.uid)
    assert (counts(alice), counts(alice, folder), counts(alice, box)) == ({"1.2.3": 2}, {"1.2.3": 1}, {"1.2.3": 2})
    services.copy(actor=alice, uid=two.node.uid, parent=folder.uid)
    assert (counts(alice), counts(alice, folder)) == ({"1.2.3": 2}, {"1.2.3": 2})
    services.restore(actor=alice, uid=one.node.uid)
    assert counts(alice, folder) == {"1.2.3": 3}
    services.trash(actor=alice, uid=folder.uid)
    assert counts(alice) == {"1.2.3": 1}
    services.purge(actor=alice, uid=folder.uid)
    assert counts(alice) == {"1.2.3": 1}
    assert DicomSeries.objects.count() == DicomInstance.objects.count() == 1


def test_a_new_version_replaces_and_restoring_the_old_one_brings_it_back(alice: Actor, box: Node) -> None:
    put(alice, box.uid, instance(1), "a.dcm")
    file = put(alice, box.uid, instance(2, PatientName="New^Name"), "a.dcm").node
    study = queries.study(actor=alice, uid="1.2.3")
    assert study.instances == 1
    assert study.shown.patient_name == "new^name"
    services.restore_version(actor=alice, uid=file.uid, number=1)
    assert [one.sop_uid for one in queries.instances(actor=alice).rows] == ["1.2.3.1.1"]
    assert queries.study(actor=alice, uid="1.2.3").shown.patient_name == "phantom^anna"
    put(alice, box.uid, b"no image any more", "a.dcm")
    assert counts(alice) == {}


def test_what_a_row_says_of_the_patient_goes_with_the_file_that_said_it(alice: Actor, box: Node) -> None:
    put(alice, box.uid, instance(1), "1.dcm")
    wrong = put(alice, box.uid, instance(2, PatientName="Real^Name", PatientID="SECRET"), "2.dcm")
    assert queries.studies(actor=alice, keys={"00100020": "SECRET"}).rows
    services.trash(actor=alice, uid=wrong.node.uid)
    assert not queries.studies(actor=alice, keys={"00100020": "SECRET"}).rows
    assert "Real" not in queries.study(actor=alice, uid="1.2.3").shown.study_json


def test_incomplete_and_quarantined_files_are_not_in_it(alice: Actor, box: Node) -> None:
    cut = put(alice, box.uid, instance(1)[:-20], "cut.dcm")
    assert cut.version.state == "incomplete"
    bad = put(alice, box.uid, instance(2, SOPInstanceUID="1.2.3.1.2"), "good.dcm")
    assert counts(alice) == {"1.2.3": 1}
    services.set_state(actor=alice, version=bad.version, state="quarantined")
    assert counts(alice) == {}
    services.set_state(actor=alice, version=bad.version, state="ready")
    assert counts(alice) == {"1.2.3": 1}


def test_a_folder_shared_deep_down_shows_its_own_studies_alone(alice: Actor, bob: Actor, box: Node) -> None:
    folder = services.create_folder(actor=alice, parent=box.uid, name="F")
    put_series(alice, box, 2, series="1.2.3.1")
    put_series(alice, folder, 1, series="1.2.3.2", PatientName="Shared^One")
    share(alice, folder, bob)
    study = queries.study(actor=bob, uid="1.2.3")
    assert (study.instances, [one.series_uid for one in study.series]) == (1, ["1.2.3.2"])
    assert study.shown.patient_name == "shared^one"
    assert counts(alice) == {"1.2.3": 3}


def test_queries_are_few_and_their_number_is_constant(
    alice: Actor, box: Node, django_assert_max_num_queries: object
) -> None:
    for study in range(3):
        put_series(alice, services.create_fileset(actor=alice, parent=box.uid, name=str(study)), 2, study=f"1.{study}")
    with django_assert_max_num_queries(3):  # type: ignore[operator]
        assert len(queries.studies(actor=alice, root=box).rows) == 3
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        assert len(queries.instances(actor=alice, root=box).rows) == 6
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        assert len(queries.instances(actor=alice, root=box, keys={"0020000D": "1.1"}).rows) == 2


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"00100010": "phantom^anna"}, {"1.1"}),
        ({"00100010": "PHANTOM*"}, {"1.1"}),
        ({"00100010": "*anna"}, {"1.1"}),
        ({"00100010": "m?ller^j?rn*"}, {"1.2"}),
        ({"00100010": "山田*"}, {"1.3"}),
        ({"00100010": "phantom"}, set()),
        ({"00100020": "P1"}, {"1.1"}),
        ({"00100020": "p1"}, set()),
        ({"00100020": "P?"}, {"1.1", "1.2"}),
        ({"00100020": "P[0-9]*"}, set()),
        ({"00100020": "100%*"}, {"1.3"}),
        ({"00080020": "20200102"}, {"1.1"}),
        ({"00080020": "20200102-20210101"}, {"1.1", "1.2"}),
        ({"00080020": "-20201231"}, {"1.1"}),
        ({"00080020": "20210102-"}, {"1.3"}),
        ({"00080061": "MR"}, {"1.2"}),
        ({"00080061": "MR,US"}, {"1.2", "1.3"}),
        ({"0020000D": "1.1,1.3"}, {"1.1", "1.3"}),
        ({"0020000D": "1.1\\1.2"}, {"1.1", "1.2"}),
        ({"00081030": "Chest*", "00080061": "US"}, {"1.3"}),
        ({"00100020": "*"}, {"1.1", "1.2", "1.3"}),
        ({"00100020": ""}, {"1.1", "1.2", "1.3"}),
    ],
)
def test_matching(alice: Actor, box: Node, keys: dict[str, str], expected: set[str]) -> None:
    put(alice, box.uid, instance(study="1.1", series="1.1.1"), "1.dcm")
    german = {"PatientName": "Müller^Jörn", "SpecificCharacterSet": "ISO_IR 192", "PatientID": "P2"}
    put(alice, box.uid, instance(study="1.2", series="1.2.1", StudyDate="20210101", Modality="MR", **german), "2.dcm")
    japanese = {"PatientName": "Yamada^Tarou=山田^太郎", "SpecificCharacterSet": "ISO_IR 192", "PatientID": "100%x"}
    put(alice, box.uid, instance(study="1.3", series="1.3.1", StudyDate="20220101", Modality="US", **japanese), "3.dcm")
    assert {study.study_uid for study in queries.studies(actor=alice, keys=keys).rows} == expected
    assert queries.count_studies(actor=alice, keys=keys) == len(expected)


def test_a_page_after_the_other(alice: Actor, box: Node) -> None:
    for number in range(5):
        put(
            alice,
            box.uid,
            instance(study=f"1.{number}", series=f"1.{number}.1", StudyDate=f"2020010{number + 1}"),
            f"{number}.dcm",
        )
    seen, offset = [], 0
    while True:
        page = queries.studies(actor=alice, offset=offset, limit=2)
        seen += [study.study_uid for study in page.rows]
        offset += 2
        if not page.more:
            break
    assert seen == ["1.4", "1.3", "1.2", "1.1", "1.0"]


def test_a_root_that_is_not_there(alice: Actor, box: Node) -> None:
    with pytest.raises(NotFound):
        queries.root(actor=alice, uid=uuid4(), kinds=["collection"])
    with pytest.raises(NotFound):
        queries.root(actor=alice, uid=box.uid, kinds=["folder"])


def share(owner: Actor, node: Node, reader: Actor) -> None:
    services.set_grants(actor=owner, uid=node.uid, inherit=False, grants=[("user", reader.name, Level.READ)])


def test_among_nothing_is_nothing() -> None:
    nothing = Q(pk__in=[]) | Q(patient_id__in=[])
    assert selection.where(nothing).sql == "(1 = 0)"
    assert selection.where(~nothing).sql == "NOT (1 = 0)"
    assert selection.where(Q(pk__in=[]) | Q(patient_id="P1")).params == ("P1",)
    assert selection.where(Q()).sql == "(1 = 1)"


def test_what_is_written_in_sql_says_who_may_read_as_everywhere(alice: Actor, bob: Actor, box: Node) -> None:
    put_series(alice, services.create_fileset(actor=alice, parent=box.uid, name="1"), 2)
    for actor in (alice, bob):
        rows = selection.select("s.id", selection.SERIES, selection.visible(actor, None))
        assert {row for (row,) in rows} == set(
            DicomSeries.objects.filter(queries.visible(actor, None)).values_list("id", flat=True)
        )
