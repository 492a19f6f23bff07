"""Reading files again: the index becomes what they say, and nothing disappears."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.studies import instance, put, put_series
from tests.unit.dicom import files

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Forbidden
from sinfonietta.dicom import queries
from sinfonietta.dicom.index.reindex import reindex
from sinfonietta.dicom.models import DicomDose, DicomHeader, DicomInstance, DicomSeries
from sinfonietta.jobs.errors import Cancelled
from sinfonietta.library import services
from sinfonietta.library.models import Node, Version

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Box")


def picture_of_the_index() -> list[object]:
    """Every row with every column."""
    rows = DicomInstance.objects.order_by("version_id").values()
    headers = [(bytes(one.dataset), bytes(one.places)) for one in DicomHeader.objects.order_by("instance_id")]
    return [list(rows), headers, list(DicomSeries.objects.order_by("id").values())]


def test_what_is_right_stays_as_it_is(alice: Actor, box: Node) -> None:
    put_series(alice, box, 3)
    put(alice, box.uid, Path(files.sample("MR_small_RLE.dcm")).read_bytes(), "mr.dcm")
    put(alice, box.uid, b"no DICOM", "text.txt")
    before = picture_of_the_index()
    counts = reindex(actor=SYSTEM)
    assert (counts.files, counts.renewed, counts.added, counts.kept) == (4, 4, 0, 0)
    assert picture_of_the_index() == before
    assert Event.objects.get(action="dicom.reindexed").detail["renewed"] == 4


def test_what_is_wrong_is_put_right(alice: Actor, box: Node) -> None:
    put_series(alice, box, 3)
    put(alice, box.uid, instance(1, series="1.2.3.9"), "other.dcm")
    before = picture_of_the_index()
    DicomInstance.objects.update(json="", modality="", frames=9, instance_number=None)
    DicomHeader.objects.update(dataset=b"")
    DicomSeries.objects.update(patient_name="", study_json="", instances=77, size_bytes=1)
    reindex(actor=SYSTEM)
    assert picture_of_the_index() == before


def test_what_dose_reports_say_is_read_again(alice: Actor, box: Node) -> None:
    """Of files that were filed before it was kept, too."""
    from tests.support.objects import file

    put(alice, box.uid, file("Reports/CT dose report"), "dose.dcm")
    put(alice, box.uid, file("Reports/measurements"), "sr.dcm")
    before = list(DicomDose.objects.values())
    DicomDose.objects.all().delete()
    reindex(actor=SYSTEM)
    assert list(DicomDose.objects.values()) == before
    DicomDose.objects.update(sums="{}", patient_id="?")
    reindex(actor=SYSTEM)
    assert list(DicomDose.objects.values()) == before


def test_a_row_that_was_filed_under_another_series_moves(alice: Actor, box: Node) -> None:
    first = put(alice, box.uid, instance(1))
    series = DicomSeries.objects.get()
    series.series_uid = "6.6"
    series.save()
    DicomInstance.objects.filter(version=first.version).update(series_uid="6.6")
    reindex(actor=SYSTEM)
    assert list(DicomSeries.objects.values_list("series_uid", "instances")) == [("1.2.3.1", 1)]
    assert queries.instances(actor=alice, keys={"0020000E": "1.2.3.1"}).rows


def test_what_can_be_read_now_is_shown(alice: Actor, box: Node) -> None:
    """As after a better parser: the rows are not there, and the version says incomplete."""
    filed = put(alice, box.uid, instance(1))
    DicomInstance.objects.all().delete()
    DicomSeries.objects.all().delete()
    Version.objects.filter(id=filed.version.id).update(state="incomplete", problem="It was too hard.")
    assert reindex(actor=SYSTEM).added == 1
    assert len(queries.instances(actor=alice).rows) == 1
    assert Version.objects.get(id=filed.version.id).state == "ready"


def test_what_cannot_be_read_now_keeps_its_row(alice: Actor, box: Node) -> None:
    from sinfonietta.blobs import store

    filed = put(alice, box.uid, instance(1))
    path = store.default().path(filed.version.blob)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"\0" * path.stat().st_size)
    counts = reindex(actor=SYSTEM)
    assert (counts.kept, counts.renewed) == (1, 0)
    assert len(queries.instances(actor=alice).rows) == 1


def test_trash_and_older_versions_stay_hidden(alice: Actor, box: Node) -> None:
    kept, gone = put(alice, box.uid, instance(1), "1.dcm"), put(alice, box.uid, instance(2), "2.dcm")
    put(alice, box.uid, instance(3), "1.dcm")
    services.trash(actor=alice, uid=gone.node.uid)
    before = picture_of_the_index()
    reindex(actor=SYSTEM)
    assert picture_of_the_index() == before
    DicomInstance.objects.filter(version__in=[kept.version, gone.version]).delete()
    reindex(actor=SYSTEM)
    assert [one.sop_uid for one in queries.instances(actor=alice).rows] == ["1.2.3.1.3"]
    services.restore(actor=alice, uid=gone.node.uid)
    assert len(queries.instances(actor=alice).rows) == 2


def test_it_can_be_cancelled_and_is_not_for_everybody(alice: Actor, box: Node) -> None:
    put_series(alice, box, 2)

    def stop(done: float) -> None:
        raise Cancelled

    before = picture_of_the_index()
    with pytest.raises(Cancelled):
        reindex(actor=SYSTEM, step=stop)
    assert picture_of_the_index() == before
    with pytest.raises(Forbidden):
        reindex(actor=alice)


def test_as_a_job(alice: Actor, box: Node) -> None:
    import threading

    from django.utils.module_loading import import_string

    from sinfonietta.config.rooms import JOB_KINDS
    from sinfonietta.jobs import leases
    from sinfonietta.jobs import services as jobs
    from sinfonietta.jobs.models import Job
    from sinfonietta.jobs.runner import JobContext

    put_series(alice, box, 2)
    jobs.enqueue(actor=SYSTEM, kind="dicom.reindex", payload={})
    job = leases.take("test", ["dicom.reindex"])
    assert job is not None
    result = import_string(JOB_KINDS["dicom.reindex"])(JobContext(job, SYSTEM, threading.Event()))
    assert (result["renewed"], Job.objects.get(uid=job.uid).progress) == (2, 1.0)
    Job.objects.update(cancel_requested=True)
    with pytest.raises(Cancelled):
        import_string(JOB_KINDS["dicom.reindex"])(JobContext(job, SYSTEM, threading.Event()))
