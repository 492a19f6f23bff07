"""How DICOMweb's searches behave over a large index: ``python -m benchmarks.dicomweb_scale [STUDIES] [ACLS]``.

Makes an installation in a temporary folder (or on the PostgreSQL that SINFONIETTA_DATABASE_URL names, which must be
empty), fills its index with rows as ingest would leave them (three series and 50 instances a study, every study in a
folder of its own, spread over collections with different rights), and times requests through the whole web stack in
this process. The reader is a member of one group that may read half of all. Where SINFONIETTA_DATA names a folder that
was filled so, it is taken as it is. Prints a table and JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from itertools import count

STUDIES = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
ACLS = int(sys.argv[2]) if len(sys.argv) > 2 else 100
SERIES, INSTANCES = 3, 17
REPEAT = 60
os.environ.setdefault("SINFONIETTA_DATA", tempfile.mkdtemp(prefix="sinfonietta-bench-"))
os.environ["SINFONIETTA_LOG_LEVEL"] = "ERROR"
os.environ["DJANGO_SETTINGS_MODULE"] = "sinfonietta.config.settings"

import django  # noqa: E402 - the settings are read from the environment above

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402

from sinfonietta.accounts import services as accounts  # noqa: E402
from sinfonietta.accounts.actor import SYSTEM, Origin  # noqa: E402
from sinfonietta.accounts.models import Token, User  # noqa: E402
from sinfonietta.accounts.queries import actor_for_user  # noqa: E402
from sinfonietta.blobs.models import Blob  # noqa: E402
from sinfonietta.common.time import now  # noqa: E402
from sinfonietta.dicom.models import DicomSeries  # noqa: E402
from sinfonietta.library import services  # noqa: E402
from sinfonietta.library.models import Level, Node, Version  # noqa: E402


def main() -> None:
    """Build, measure, print."""
    (settings.OPTIONS.data / "static").mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    begun = time.perf_counter()
    secret = build()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"{STUDIES:,} studies, {STUDIES * SERIES * INSTANCES:,} instances in {time.perf_counter() - begun:.0f} s")
    results = {name: measure(secret, path) for name, path in questions().items()}
    for name, (best, size) in results.items():
        print(f"{name:42} {best:9.2f} ms {size:9,} bytes")
    print(json.dumps({name: {"best_ms": round(best, 3)} for name, (best, _) in results.items()}))


def questions() -> dict[str, str]:
    """What is asked, by name."""
    middle = STUDIES // 2 // ACLS * ACLS
    study = f"1.2.{middle}"
    return {
        "studies by PatientID": f"/studies?PatientID=P{middle}",
        "studies by PatientName prefix": "/studies?PatientName=name12*&limit=50",
        "studies by date range": "/studies?StudyDate=20200501-20200531&limit=50",
        "studies by ModalitiesInStudy": "/studies?ModalitiesInStudy=PT&limit=50",
        "a page of 50 studies": "/studies?limit=50",
        "a page of 50 studies far behind": f"/studies?limit=50&offset={STUDIES // 4}",
        "series of a study": f"/studies/{study}/series",
        "instances of a series": f"/studies/{study}/series/{study}.1/instances",
        "a page of 100 instances of all": "/instances?limit=100",
        "a page of 100 series of all": "/series?limit=100",
        "studies of a stranger's PatientID": "/studies?PatientID=P2",
    }


def measure(secret: str, path: str) -> tuple[float, int]:
    """The quickest of some requests in ms, the one that other work disturbed least; and the size of the answer."""
    client, times, size = Client(), [], 0
    for _ in range(REPEAT):
        begun = time.perf_counter()
        response = client.get(f"/dicomweb{path}", headers={"Authorization": f"Bearer {secret}"})
        times.append((time.perf_counter() - begun) * 1000)
        assert response.status_code == 200, response.content
        size = len(response.content)
    return min(times), size


def build() -> str:
    """The rows, unless they are there; the secret of a reader's token."""
    if reader := User.objects.filter(name="reader").first():
        return token_of(reader)
    owner = accounts.create_user(actor=SYSTEM, name="owner")
    reader = accounts.create_user(actor=SYSTEM, name="reader")
    accounts.create_group(actor=SYSTEM, name="readers", members=[reader])
    actor = actor_for_user(owner, Origin())
    collections = []
    for number in range(ACLS):
        collection = services.create_collection(actor=actor, name=f"Collection {number}")
        if number % 2 == 0:
            grants = [("group", "readers", Level.READ)]
            services.set_grants(actor=actor, uid=collection.uid, inherit=False, grants=grants)
        collections.append(Node.objects.get(id=collection.id))
    with transaction.atomic():
        fill(collections)
    return token_of(reader)


def token_of(reader: User) -> str:
    """The secret of a new token."""
    who = actor_for_user(reader, Origin())
    return accounts.create_token(actor=who, user=reader, name="bench", scope=Token.Scope.READ)[1]


def fill(collections: list[Node]) -> None:
    """Folders and series by models, their files by the database: a million in less than a minute."""
    moment, numbers = now(), count(Node.objects.order_by("-id")[0].id + 1)
    folders, series = [], []
    for study in range(STUDIES):
        parent = collections[study * 37 // 50 % len(collections)]  # rights go with nothing that is asked for
        folder = Node(
            id=next(numbers), kind="folder", parent_id=parent.id, ancestry=parent.below, name=f"Study {study}",
            acl_id=parent.acl_id, created=moment, modified=moment,
        )  # fmt: skip
        folders.append(folder)
        series += [row_of(folder, study, number) for number in range(1, SERIES + 1)]
    Node.objects.bulk_create(folders, batch_size=1000)
    DicomSeries.objects.bulk_create(series, batch_size=1000)
    blob = Blob.objects.create(sha256="0" * 64, size_bytes=1, key="none", touched=moment)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE places (id bigint PRIMARY KEY, below varchar(1200))")
        places = [(folder.id, folder.below) for folder in folders]
        cursor.executemany("INSERT INTO places VALUES (%s, %s)", places)
        cursor.execute("CREATE TEMPORARY TABLE slices (n integer)")
        cursor.executemany("INSERT INTO slices VALUES (%s)", [(number,) for number in range(1, INSTANCES + 1)])
        said = {"moment": moment, "blob": blob.id, "state": Version.State.READY}
        uid = "lower(hex(randomblob(16)))" if connection.vendor == "sqlite" else "gen_random_uuid()"
        number = f"({next(numbers)} + s.id * {INSTANCES} + k.n)"
        for statement in (FILES, VERSIONS, FILED):
            cursor.execute(statement.format(id=number, uid=uid), said)


FILES = """INSERT INTO library_node
    (id, uid, kind, ancestry, name, created, modified, media_type, acl_id, parent_id)
    SELECT {id}, {uid}, 'file', p.below, s.series_number || '.' || k.n || '.dcm', %(moment)s, %(moment)s, '',
    f.acl_id, f.id FROM dicom_dicomseries s JOIN places p ON p.id = s.container_id
    JOIN library_node f ON f.id = p.id CROSS JOIN slices k"""
VERSIONS = """INSERT INTO library_version
    (id, number, size_bytes, media_type, state, problem, modified, created, blob_id, node_id)
    SELECT {id}, 1, 1, 'application/dicom', %(state)s, '', %(moment)s, %(moment)s, %(blob)s, {id}
    FROM dicom_dicomseries s CROSS JOIN slices k"""
FILED = """INSERT INTO dicom_dicominstance
    (version_id, node_id, series_id, study_uid, series_uid, sop_uid, sop_class, modality, instance_number,
    transfer_syntax, frames, json)
    SELECT {id}, {id}, s.id, s.study_uid, s.series_uid, s.series_uid || '.' || k.n, '1.2.840.10008.5.1.4.1.1.2', 'CT',
    k.n, '1.2.840.10008.1.2.1', 1, '"00080018":{{"vr":"UI","Value":["' || s.series_uid || '.' || k.n || '"]}},' ||
    '"00200013":{{"vr":"IS","Value":[' || k.n || ']}}' FROM dicom_dicomseries s CROSS JOIN slices k"""


def row_of(folder: Node, study: int, series: int) -> DicomSeries:
    """A series row."""
    day = f"{2010 + study % 15}{1 + study % 12:02}{1 + study % 28:02}"
    study_json = json.dumps({
        "00080020": {"vr": "DA", "Value": [day]}, "00100020": {"vr": "LO", "Value": [f"P{study}"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"Name{study}^Given"}]},
        "0020000D": {"vr": "UI", "Value": [f"1.2.{study}"]}, "00081030": {"vr": "LO", "Value": ["Description"]},
    })  # fmt: skip
    modality = ("CT", "RTSTRUCT", "PT" if study % 10 == 0 else "MR")[series - 1]
    series_json = json.dumps({
        "00080060": {"vr": "CS", "Value": [modality]}, "0020000E": {"vr": "UI", "Value": [f"1.2.{study}.{series}"]},
    })  # fmt: skip
    return DicomSeries(
        container=folder, study_uid=f"1.2.{study}", series_uid=f"1.2.{study}.{series}", patient_id=f"P{study}",
        patient_name=f"name{study}^given", study_date=day, modality=modality, series_number=series,
        instances=INSTANCES, size_bytes=INSTANCES, described_by=1,
        study_json=study_json[1:-1], series_json=series_json[1:-1],
    )  # fmt: skip


if __name__ == "__main__":
    main()
