"""TLS with DCMTK, in both directions: nodes that must use it, certificates that nobody vouches for."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pynetdicom import build_role, evt
from pynetdicom.ae import ApplicationEntity
from tests.integration.dimse.conftest import HALF
from tests.support.dimse import OURS, THEIRS, Door, listening, make_certificates, to_us
from tests.support.studies import instance

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.dicom.models import DicomInstance, Peer
from sinfonietta.dicom.network.requestor import CallFailed
from sinfonietta.dicom.peers import calls
from sinfonietta.dicom.peers import services as peers

if TYPE_CHECKING:
    from tests.integration.dimse.conftest import Archive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"


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


def test_who_sees_half_sees_half_over_tls(secured: Door, archive: Archive, certificates: Path, tmp_path: Path) -> None:
    """At every level, and nothing of the other half can be fetched, by its UIDs neither."""
    Peer.objects.filter(ae_title=HALF).update(tls=True)

    def found(level: str, *keys: str, title: str = HALF) -> list[str]:
        asked = [word for key in (f"QueryRetrieveLevel={level}", *keys) for word in ("-k", key)]
        said = to_us("findscu", secured, *tls(certificates), "-S", *asked, title=title)
        assert said.code == 0
        return sorted(re.findall(r"UI \[([0-9.]+)", said.text.partition("Find Response")[2]))

    def got(title: str = HALF, **keys: str) -> int:
        """How many instances C-GET brings; DCMTK's getscu speaks no TLS."""
        entity, received, asked = ApplicationEntity(title), [], Dataset()
        for keyword, value in keys.items():
            setattr(asked, keyword, value)
        entity.add_requested_context(STUDY_ROOT_GET)
        entity.add_requested_context(CTImageStorage)
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        context.check_hostname = False
        context.load_cert_chain(certificates / "them.pem", certificates / "them.key")
        association = entity.associate(
            "127.0.0.1", secured.port, ae_title=OURS, tls_args=(context, None),
            ext_neg=[build_role(CTImageStorage, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, lambda event: received.append(event) or 0)],
        )  # fmt: skip
        assert association.is_established
        list(association.send_c_get(asked, STUDY_ROOT_GET))
        association.release()
        return len(received)

    assert "Calling AE Title Not Recognized" in to_us("echoscu", secured, title=HALF).text
    one = ("StudyInstanceUID=1.2.3", "SeriesInstanceUID")
    whole = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.3"}
    assert found("STUDY", "StudyInstanceUID") == ["1.2.3"]
    assert found("STUDY", "StudyInstanceUID", title=THEIRS) == ["1.2.3", "1.2.9"]
    assert found("SERIES", *one) == ["1.2.3", "1.2.3.1"]
    assert found("SERIES", *one, title=THEIRS) == ["1.2.3", "1.2.3", "1.2.3.1", "1.2.3.2"]
    assert found("IMAGE", "SOPInstanceUID") == ["1.2.3.1.1", "1.2.3.1.2"]
    assert found("STUDY", "StudyInstanceUID=1.2.9") == []
    assert (got(**whole), got(THEIRS, **whole)) == (2, 5)
    hidden = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.2"}
    assert (got(**hidden), got(THEIRS, **hidden)) == (0, 3)


def test_we_call_over_tls(secured: Door, alice: Actor, certificates: Path, tmp_path: Path) -> None:
    with listening(tmp_path / "received", *tls(certificates)) as node:
        peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="127.0.0.1", port=node.port, account="alice", tls=True)
        calls.echo(Peer.objects.get())
    with listening(tmp_path / "strangers", *tls(certificates, "stranger")) as node:
        Peer.objects.update(port=node.port)
        with pytest.raises(CallFailed):
            calls.echo(Peer.objects.get())
