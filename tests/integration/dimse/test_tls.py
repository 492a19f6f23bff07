"""TLS with DCMTK, in both directions: nodes that must use it, certificates that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.dimse import THEIRS, Door, listening, make_certificates, to_us
from tests.support.studies import instance

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.dicom.models import DicomInstance, Peer
from sinfonietta.dicom.network.requestor import CallFailed
from sinfonietta.dicom.peers import calls
from sinfonietta.dicom.peers import services as peers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def secured(certificates: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Door]:
    from django.conf import settings

    for name, file in (("certificate", "us.pem"), ("key", "us.key"), ("ca", "ca.pem")):
        monkeypatch.setattr(settings.OPTIONS, f"dimse_tls_{name}", certificates / file)
    with Door() as door:
        yield door


def tls(certificates: Path, who: str = "them") -> tuple[str, ...]:
    return (
        "+tls",
        str(certificates / f"{who}.key"),
        str(certificates / f"{who}.pem"),
        "+cf",
        str(certificates / "ca.pem"),
    )


def test_tls_and_plain_on_one_port(secured: Door, alice: Actor, certificates: Path, tmp_path: Path) -> None:
    peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="127.0.0.1", port=104, account="alice", tls=True)
    peers.create_peer(actor=SYSTEM, ae_title="OLD", host="127.0.0.1", port=105, account="alice")
    path = tmp_path / "one.dcm"
    path.write_bytes(instance(1, data=bytes(512 * 512 * 2), rows=512, columns=512))
    assert to_us("echoscu", secured, *tls(certificates)).code == 0
    assert to_us("storescu", secured, *tls(certificates), path).statuses() == ["Success"]
    assert to_us("dcmsend", secured, path, title="OLD").code == 0
    assert "Calling AE Title Not Recognized" in to_us("echoscu", secured).text
    assert to_us("echoscu", secured, *tls(certificates, "stranger")).code != 0
    assert to_us("echoscu", secured, "-aet", "OLD", *tls(certificates)).code == 0
    found = to_us(
        "findscu", secured, *tls(certificates), "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID"
    )
    assert "1.2.3" in found.text
    got = tmp_path / "got"
    got.mkdir()
    asked = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3")
    assert to_us("getscu", secured, "-S", "-od", got, *asked, title="OLD").code == 0
    assert len(list(got.iterdir())) == 1
    assert DicomInstance.objects.count() == 1


def test_we_call_over_tls(secured: Door, alice: Actor, certificates: Path, tmp_path: Path) -> None:
    with listening(tmp_path / "received", *tls(certificates)) as node:
        peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="127.0.0.1", port=node.port, account="alice", tls=True)
        calls.echo(Peer.objects.get())
    with listening(tmp_path / "strangers", *tls(certificates, "stranger")) as node:
        Peer.objects.update(port=node.port)
        with pytest.raises(CallFailed):
            calls.echo(Peer.objects.get())
