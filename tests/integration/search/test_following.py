"""The index follows every change, catches up after it was away, and can be made anew."""

from __future__ import annotations

import io
import threading

import pytest
from tests.integration.library.things import file
from tests.integration.search.conftest import Find
from tests.support.jobs import wait_until, workers
from tests.support.world import ct

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.common.errors import Forbidden
from sinfonietta.jobs import leases, runner
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.library import services
from sinfonietta.library.models import Node
from sinfonietta.library.services import copying
from sinfonietta.search import documents, following, keeping, queries, reading
from sinfonietta.search.following import catch_up
from sinfonietta.search.models import Document, Number, Progress, Sweep
from sinfonietta.search.services import reindex

pytestmark = pytest.mark.django_db


def test_every_kind_of_change_is_followed(alice: Actor, find: Find) -> None:
    study = services.create_collection(actor=alice, name="Study")
    assert find(alice, "study") == ["Study"]
    services.update_collection(actor=alice, uid=study.uid, name="Trial", description="papillary")
    assert (find(alice, "study"), find(alice, "papillary")) == ([], ["Trial"])
    made = file(alice, study.uid, "lobe.txt", b"one").node
    services.rename(actor=alice, uid=made.uid, name="isthmus.txt")
    assert (find(alice, "lobe"), find(alice, "isthmus")) == ([], ["isthmus.txt"])
    services.set_metadata(actor=alice, uid=made.uid, changes={"age": 40})
    assert find(alice, "meta.age:40") == ["isthmus.txt"]
    services.set_metadata(actor=alice, uid=made.uid, changes={"age": None})
    assert find(alice, "meta.age:>1") == find(alice, "meta.age:*") == []
    file(alice, study.uid, "isthmus.txt", b"x" * 20_000)
    assert find(alice, "size:>10kB") == ["isthmus.txt"]


def test_what_is_purged_leaves_nothing_behind(alice: Actor, find: Find) -> None:
    study = services.create_collection(actor=alice, name="Study")
    made = file(alice, study.uid, "lobe.txt").node
    services.set_metadata(actor=alice, uid=made.uid, changes={"age": 40})
    assert find(alice, "lobe") == ["lobe.txt"]
    services.trash(actor=alice, uid=made.uid)
    services.purge(actor=alice, uid=made.uid)
    assert not Document.objects.filter(node_id=made.id).exists()
    assert not Number.objects.filter(document=made.id).exists()
    assert find(SYSTEM, "lobe") == []


def test_a_large_copy_is_found_though_its_change_names_only_the_top(
    alice: Actor, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "AT_ONCE", 1)
    monkeypatch.setattr(following, "BATCH", 2)
    study = services.create_collection(actor=alice, name="Study")
    folder = services.create_folder(actor=alice, parent=study.uid, name="lobe")
    for number in range(5):
        file(alice, folder.uid, f"lobe {number}.txt")
    assert len(find(alice, "lobe")) == 6
    from contextlib import nullcontext

    copying.copy_large(actor=alice, uid=folder.uid, parent=study.uid, name="copy", step=lambda done: nullcontext())
    assert len(find(alice, "lobe type:file")) == 10


def test_what_moves_with_its_folder_is_found_in_its_new_collection(
    alice: Actor, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BATCH", 2)
    here, there = (services.create_collection(actor=alice, name=name) for name in ("Here", "There"))
    folder = services.create_folder(actor=alice, parent=here.uid, name="deep")
    for number in range(5):
        file(alice, folder.uid, f"lobe {number}.txt")
    assert len(find(alice, "in:Here lobe")) == 5
    services.move(actor=alice, uid=folder.uid, parent=there.uid)
    assert find(alice, "in:Here lobe") == []
    assert len(find(alice, "in:There lobe")) == 5


def test_the_first_time_all_that_is_there_is_gone_through(alice: Actor, find: Find) -> None:
    services.create_collection(actor=alice, name="Study")
    Progress.objects.all().delete()
    assert find(alice, "study") == ["Study"]
    assert not Sweep.objects.exists()


def test_made_anew_it_is_the_same_and_strays_are_gone(alice: Actor, bob: Actor, find: Find) -> None:
    study = services.create_collection(actor=alice, name="Study")
    file(alice, study.uid, "lobe.txt")
    catch_up()
    before = list(Document.objects.order_by("node_id").values_list("node_id", "name", "words"))
    Document.objects.filter(name="lobe.txt").delete()
    Document.objects.create(node_id=10**9, seen=0, kind="file", collection=1, name="stray", words="stray")
    assert find(alice, "lobe") == []
    counts = reindex(actor=SYSTEM)
    assert (counts.documents, counts.strays) == (len(before), 1)
    assert list(Document.objects.order_by("node_id").values_list("node_id", "name", "words")) == before
    assert find(alice, "lobe") == ["lobe.txt"]
    with pytest.raises(Forbidden):
        reindex(actor=bob)


def test_an_older_state_never_replaces_a_newer_one(alice: Actor, find: Find) -> None:
    study = services.create_collection(actor=alice, name="Old")
    made = documents.make([Node.objects.get(id=study.id)], following.newest())
    services.rename(actor=alice, uid=study.uid, name="New")
    catch_up()
    keeping.keep(made)
    assert (find(alice, "old"), find(alice, "new")) == ([], ["New"])


def test_a_batch_costs_the_same_queries_however_many_it_renews(
    alice: Actor, django_assert_max_num_queries: object
) -> None:
    study = services.create_collection(actor=alice, name="Study")
    catch_up()
    for number in range(30):
        file(alice, study.uid, f"lobe {number}.txt")
    with django_assert_max_num_queries(32):  # type: ignore[operator]
        catch_up()


def test_dicom_is_found_by_its_attributes(alice: Actor, find: Find) -> None:
    from tests.support.objects import file as sample

    from sinfonietta.ingest import services as ingest

    study = services.create_collection(actor=alice, name="Study")
    for name, content in (("ct.dcm", ct()), ("dose.dcm", sample("Reports/CT dose report"))):
        ingest.put(actor=alice, parent_uid=study.uid, name=name, stream=io.BytesIO(content))
    asked = ("modality:ct", "maker:ge", "patient:1CT1", "patient:CompressedSamples", "study_date:2004",
             "date:2004-01-19", "uid:1.3.6.1.4.1.5962.1.2.1.20040119072730.12322",
             "type:dicom has:dicom modality:CT,MR")  # fmt: skip
    for q in asked:
        assert find(alice, q) == ["ct.dcm"], q
    assert find(alice, "modality:C") == [], "a modality is one as a whole"
    assert find(alice, "has:report has:dose") == ["dose.dcm"]
    assert find(alice, "dlp:>0") == ["dose.dcm"]
    assert find(alice, '"Dose Length Product"') == ["dose.dcm"]


def test_the_text_inside_a_file_is_found_once_it_was_read_and_with_each_new_version(alice: Actor, find: Find) -> None:
    from sinfonietta.ingest import services as ingest

    study = services.create_collection(actor=alice, name="Study")
    made = ingest.put(actor=alice, parent_uid=study.uid, name="a.txt", stream=io.BytesIO(b"Left lobe"))
    assert find(alice, "lobe") == []
    assert Job.objects.filter(kind="search.read", state=Job.State.QUEUED).count() == 1
    assert reading.read_next() == made.node.id
    assert find(alice, '"left lobe" has:text') == ["a.txt"]
    assert queries.search(actor=alice, q="lobe").hits[0].highlights == ["Left <mark>lobe</mark>"]
    services.set_metadata(actor=alice, uid=made.node.uid, changes={"age": 1})
    assert (find(alice, "lobe"), reading.read_next()) == (["a.txt"], 0), "kept, and not read again"
    ingest.put(actor=alice, parent_uid=study.uid, name="a.txt", stream=io.BytesIO(b"Isthmus"))
    catch_up()
    reading.read_next()
    assert (find(alice, "lobe"), find(alice, "isthmus")) == ([], ["a.txt"])


def test_reading_gives_way_to_who_waits_for_a_worker(alice: Actor, find: Find) -> None:
    from sinfonietta.ingest import services as ingest

    study = services.create_collection(actor=alice, name="Study")
    for name in ("a.txt", "b.txt"):
        ingest.put(actor=alice, parent_uid=study.uid, name=name, stream=io.BytesIO(b"Left lobe"))
    find(alice, "lobe")
    waiting = jobs.enqueue(actor=alice, kind="library.copy", payload={})
    for read in (["a.txt"], ["a.txt", "b.txt"]):
        taken = leases.take("one", ["search.read"])
        assert taken
        runner.run_one(taken, threading.Event())
        assert sorted(find(alice, "lobe")) == read
        assert leases.take("another", ["library.copy", "search.read"]) == waiting, "it is before what is left to read"
        Job.objects.filter(id=waiting.id).update(state=Job.State.QUEUED)


@pytest.mark.django_db(transaction=True)
def test_a_worker_follows_by_itself(alice: Actor) -> None:
    services.create_collection(actor=alice, name="Study")
    with workers(2):
        wait_until(lambda: queries.search(actor=alice, q="study").hits, "the worker's index has it")
        services.create_collection(actor=alice, name="Trial")
        wait_until(lambda: queries.search(actor=alice, q="trial").hits, "and what came later")
