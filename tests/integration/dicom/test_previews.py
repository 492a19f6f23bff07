"""Whatever is DICOM shows its tags, and its image or why there is none; also what no index holds."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.support.studies import put
from tests.unit.dicom.files import sample

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import services
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Box")


@pytest.fixture
def hers(alice: Actor) -> Client:
    from sinfonietta.accounts.models import User

    client = Client()
    client.force_login(User.objects.get(uid=alice.uid))
    return client


@pytest.mark.parametrize(
    ("name", "state", "tag", "kinds", "image"),
    [
        ("CT_small.dcm", "ready", "CompressedSamples^CT1", ["image", "tags"], 200),
        ("rtplan.dcm", "ready", "Plan1", ["plan", "tags"], 422),
        ("JPEGLSNearLossless_08.dcm", "ready", "Photometric", ["image", "tags"], 200),  # names no study
        ("dicomdirtests/DICOMDIR", "ready", "PYDICOM_TEST", ["tags"], 422),
        ("MR_truncated.dcm", "incomplete", "CompressedSamples^MR1", ["tags"], 422),
    ],
)
def test_tags_and_an_image_or_why_not(
    hers: Client, alice: Actor, box: Node, name: str, state: str, tag: str, kinds: list[str], image: int
) -> None:
    filed = put(alice, box.uid, sample(name).read_bytes(), "file.dcm")
    assert filed.version.state == state
    page = f"/files/{filed.node.uid}"
    assert tag in hers.get(f"{page}/tags").content.decode()
    assert tag in hers.get(f"/nodes/{filed.node.uid}").content.decode()
    picture = hers.get(f"{page}/image.png", headers={"Accept": "application/json"})
    assert picture.status_code == image
    assert image == 200 or picture.json()["detail"].startswith("The file ")
    assert hers.get(f"/api/v1/files/{filed.node.uid}/preview").json()["kinds"] == kinds


@pytest.mark.parametrize(("name", "links"), [("CT_small.dcm", 1), ("rtplan.dcm", 0), ("dicomdirtests/DICOMDIR", 0)])
def test_the_viewer_is_offered_for_what_it_can_show(
    hers: Client, alice: Actor, box: Node, name: str, links: int
) -> None:
    filed = put(alice, box.uid, sample(name).read_bytes(), "file.dcm")
    assert hers.get(f"/nodes/{filed.node.uid}").content.decode().count("Open in viewer") == links


def test_nobody_else_learns_of_it(hers: Client, alice: Actor, mallory: Actor, box: Node) -> None:
    from sinfonietta.accounts.models import User

    filed = put(alice, box.uid, sample("MR_truncated.dcm").read_bytes(), "file.dcm")
    his = Client()
    his.force_login(User.objects.get(uid=mallory.uid))
    for path in (f"/files/{filed.node.uid}/tags", f"/files/{filed.node.uid}/image.png"):
        assert his.get(path).status_code == 404
    assert his.get(f"/api/v1/files/{filed.node.uid}/preview").status_code == 404
