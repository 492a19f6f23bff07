"""Nodes by REST, portal and command line: who sees, uses and manages them."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from tests.support.dimse import Door, listening
from tests.support.portal import browser_of
from tests.support.rest import content, program_of
from tests.support.studies import put_series

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.audit.models import Event
from sinfonietta.common.time import now
from sinfonietta.dicom.models import Peer
from sinfonietta.dicom.peers import queries
from sinfonietta.dicom.peers import services as peers
from sinfonietta.jobs import leases
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_one, run_worker
from sinfonietta.library import services as library
from sinfonietta.library.models import Level

if TYPE_CHECKING:
    from tests.integration.dimse.conftest import Archive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]


def named(**more: Any) -> dict[str, Any]:
    return {"ae_title": "PACS", "host": "127.0.0.1", "port": 104, "account": "alice"} | more


def test_administrators_manage_nodes(admin: Actor, alice: Actor, bob: Actor, mallory: Actor) -> None:
    program = program_of(admin)
    made = program.send("POST", "peers", named(description="The hospital's archive"), 201)
    assert (made["ae_title"], made["account"], made["into"], made["tls"]) == ("PACS", "alice", None, False)
    assert program.get("peers")["results"] == [made]
    assert program.get(f"peers/{made['id']}") == made
    program.send("POST", "peers", named(), 409)
    for wrong in ({"ae_title": "back\\slash"}, {"ae_title": " "}, {"host": "a b"}, {"port": 0}, {"ae_title": "A" * 17}):
        program.send("POST", "peers", named(**wrong), 422)
    program.send("POST", "peers", named(ae_title="X", account="nobody"), 404)
    for other in (alice, bob):
        program_of(other).send("POST", "peers", named(ae_title="MINE"), 403)
        program_of(other).send("DELETE", f"peers/{made['id']}", status=403)
    assert [one["id"] for one in program_of(alice).get("peers")["results"]] == [made["id"]]
    assert program_of(mallory).get("peers")["results"] == []
    program_of(mallory).send("GET", f"peers/{made['id']}", status=404)
    # An administrator runs the site, and asks for nobody's patients.
    program.send("POST", f"peers/{made['id']}/query", {}, 403)
    program.send("DELETE", f"peers/{made['id']}", status=204)
    assert list(Event.objects.filter(action__startswith="peer.").values_list("action", flat=True)) == [
        "peer.created", "peer.removed",
    ]  # fmt: skip


def test_a_node_files_only_where_its_account_may(admin: Actor, alice: Actor, bob: Actor) -> None:
    place = library.create_collection(actor=alice, name="Trial")
    program = program_of(admin)
    program.send("POST", "peers", named(account="bob", into=str(place.uid)), 422)
    library.set_grants(actor=alice, uid=place.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    made = program.send("POST", "peers", named(account="bob", into=str(place.uid)), 201)
    assert made["into"] == str(place.uid)
    # It is there for all who may write where it files.
    assert [peer.ae_title for peer in queries.usable(actor=alice)] == ["PACS"]
    program_of(alice, "read").send("POST", f"peers/{made['id']}/query", {}, 403)
    library.set_grants(actor=alice, uid=place.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    assert queries.usable(actor=bob) == []


def test_echo_and_query_say_why_not(alice: Actor) -> None:
    peer = peers.create_peer(actor=SYSTEM, **named(port=1))
    program = program_of(alice)
    for route in ("echo", "query"):
        problem = program.send("POST", f"peers/{peer.uid}/{route}", {} if route == "query" else None, 503)
        assert "PACS at 127.0.0.1:1 cannot be reached" in problem["detail"]
    absent = "00000000-0000-4000-8000-000000000000"
    for route, body in (("echo", None), ("query", {}), ("send", {"study": "1.2"}), ("fetch", {"study": "1.2"})):
        program.send("POST", f"peers/{absent}/{route}", body, 404)
    program.send("POST", f"peers/{peer.uid}/send", {}, 422)
    program.send("POST", f"peers/{peer.uid}/send", {"node": absent}, 404)
    program.send("POST", f"peers/{peer.uid}/fetch", {"study": "1.2", "node": absent}, 404)
    program.send("POST", f"peers/{peer.uid}/fetch", {"study": "../x"}, 422)


def test_sending_is_with_the_rights_of_who_asks(archive: Archive, alice: Actor, bob: Actor, tmp_path: Path) -> None:
    with listening(tmp_path / "received") as node:
        peers.create_peer(actor=SYSTEM, **named(account="bob", port=node.port))
        peer = Peer.objects.get(ae_title="PACS")
        program = program_of(bob)
        job = program.send("POST", f"peers/{peer.uid}/send", {"study": "1.2.3"}, 202)
        hidden = program.send("POST", f"peers/{peer.uid}/send", {"study": "1.2.9"}, 202)
        run_worker(threading.Event(), once=True)
        assert program.get(f"jobs/{job['id']}")["result"]["sent"] == 2
        assert program.get(f"jobs/{hidden['id']}")["state"] == "failed"
        assert len(node.files) == 2
        program.send("POST", f"peers/{peer.uid}/send", {"node": str(archive.closed.uid)}, 404)
    # A node that is away: tried again, and said in words in the end.
    job = program.send("POST", f"peers/{peer.uid}/send", {"study": "1.2.3"}, 202)
    Job.objects.filter(uid=job["id"]).update(max_attempts=1)
    run_worker(threading.Event(), once=True)
    found = program.get(f"jobs/{job['id']}")
    assert found["state"] == "failed"
    assert "cannot be reached" in found["detail"]


def test_the_pages(door: Door, archive: Archive, alice: Actor, bob: Actor, admin: Actor, mallory: Actor) -> None:
    # Our own door is the other node: it knows itself as HALF, who acts for Bob.
    from django.conf import settings

    runner, owner, stranger = browser_of(admin), browser_of(alice), browser_of(mallory)
    page = runner.post("/dicom-nodes", named(ae_title="SINFONIETTA", port=str(door.port), account="alice"), follow=True)
    assert page.status_code == 200
    peer = Peer.objects.get(ae_title="SINFONIETTA")
    assert b"SINFONIETTA" in content(owner.get("/dicom-nodes"))
    assert b"127.0.0.1" not in content(stranger.get("/dicom-nodes"))
    assert stranger.get(f"/dicom-nodes/{peer.uid}").status_code == 404
    assert b"No DICOM nodes" in content(stranger.get("/dicom-nodes"))
    assert "The node answers" in owner.post(f"/dicom-nodes/{peer.uid}/echo")["HX-Trigger"]
    assert settings.OPTIONS.ae_title == "SINFONIETTA"
    found = content(owner.get(f"/dicom-nodes/{peer.uid}?ask=1&patient_name=Muster")).decode()
    assert "Muster^Anna" in found
    assert "Größe" not in found
    assert "1.2.3" in found
    asked = owner.post(f"/dicom-nodes/{peer.uid}/fetch", {"study": "1.2.3"})
    assert "is being fetched" in asked["HX-Trigger"]
    assert owner.post(f"/dicom-nodes/{peer.uid}/mirror", {"patient_name": "M"}).status_code == 302
    study = content(owner.get("/studies/1.2.3")).decode()
    assert "Send to" in study
    assert "is being sent" in owner.post("/dicom-nodes/send", {"to": str(peer.uid), "study": "1.2.3"})["HX-Trigger"]
    several = owner.post("/dicom-nodes/send", {"to": str(peer.uid), "study": ["1.2.3", "1.2.4", "1.2.3"]})
    assert "2 studies are being sent" in several["HX-Trigger"]
    assert "Send to" in content(owner.get("/studies")).decode()
    assert "Choose a node" in owner.post("/dicom-nodes/send", {"study": "1.2.3"})["HX-Trigger"]
    assert set(Job.objects.values_list("kind", flat=True)) == {"dicom.fetch", "dicom.mirror", "dicom.send"}
    assert owner.post(f"/dicom-nodes/{peer.uid}/remove").status_code == 403
    assert runner.post(f"/dicom-nodes/{peer.uid}/remove").status_code == 302
    assert not Peer.objects.filter(ae_title="SINFONIETTA").exists()
    wrong = runner.post("/dicom-nodes", named(port="x"))
    assert wrong.status_code == 422
    assert b"A port is a number" in content(wrong)
    assert Client(headers={"Accept": "text/html"}).get("/dicom-nodes").status_code == 302


def test_the_study_page_offers_no_nodes_to_who_has_none(archive: Archive, alice: Actor, mallory: Actor) -> None:
    library.set_grants(actor=alice, uid=archive.open.uid, inherit=False, grants=[("user", "mallory", Level.READ)])
    assert b"Send to" not in content(browser_of(mallory).get("/studies/1.2.3"))


def test_a_fetch_can_be_cancelled_and_a_job_taken_up_again(
    archive: Archive, alice: Actor, tmp_path: Path, make_actor: Callable[..., Actor]
) -> None:
    put_series(alice, archive.closed, 3, study="1.2.40", series="1.2.40.1")
    with listening(tmp_path / "received") as node:
        peer = peers.create_peer(actor=SYSTEM, **named(port=node.port))
        program = program_of(alice)
        job = program.send("POST", f"peers/{peer.uid}/send", {"study": "1.2.40"}, 202)
        program.send("POST", f"jobs/{job['id']}/cancel")
        run_worker(threading.Event(), once=True)
        assert program.get(f"jobs/{job['id']}")["state"] == "cancelled"
        assert node.files == []


def test_a_node_is_mirrored_again_and_again(
    archive: Archive, alice: Actor, bob: Actor, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the node's account; once, while the last mirror still waits; no more when that is said."""
    from sinfonietta.dicom.peers import tasks

    peer = peers.create_peer(actor=SYSTEM, **named(ae_title="FAR", port=1))
    program = program_of(alice)
    for wrong in (0, 24 * 365 + 1):
        program.send("PUT", f"peers/{peer.uid}/mirror", {"every_h": wrong}, 422)
    program_of(bob).send("PUT", f"peers/{peer.uid}/mirror", {"every_h": 1}, 404)
    program_of(admin).send("PUT", f"peers/{peer.uid}/mirror", {"every_h": 1}, 403)
    assert program.send("PUT", f"peers/{peer.uid}/mirror", {"every_h": 6})["mirror_every_h"] == 6

    def due() -> list[Job]:
        Job.objects.filter(kind="dicom.mirrors").delete()
        Job.objects.create(kind="dicom.mirrors", run_after=now())
        job = leases.take("test", ["dicom.mirrors"])
        assert job
        run_one(job, threading.Event())
        return list(Job.objects.filter(kind="dicom.mirror"))

    (asked,) = due()
    assert (asked.owner, asked.payload["peer"], asked.payload["keys"]) == (alice.uid, str(peer.uid), {})
    assert len(due()) == 1  # not yet
    later = now() + timedelta(hours=7)
    for module in (tasks, leases):
        monkeypatch.setattr(module, "now", lambda: later)
    assert len(due()) == 1  # the first still waits
    asked.delete()
    assert due() == []  # and its turn has passed
    browser_of(alice).post(f"/dicom-nodes/{peer.uid}/schedule", {"every_h": ""})
    assert Peer.objects.get(uid=peer.uid).mirror_next is None
    assert Event.objects.filter(action="peer.scheduled").count() == 2


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_command_line(tmp_path: Path) -> None:
    """A served installation: nodes made by the command line, its door under the supervisor."""
    from tests.support.dimse import THEIRS, run
    from tests.support.server import Server, free_port
    from tests.support.studies import instance

    server = Server(tmp_path / "data", dimse_port=free_port())
    server.start()
    try:
        server.user("alice")
        made = json.loads(
            server.cli(
                "create-peer", THEIRS, "--host", "localhost", "--port", "11113", "--account", "alice", "--into",
                "Trial/Incoming/Scanner", "--json",
            )
        )  # fmt: skip
        assert made["ae_title"] == THEIRS
        (row,) = json.loads(server.cli("list-peers", "--json"))
        assert (row["account"], row["into"], row["tls"]) == ("alice", "Scanner", False)
        path = tmp_path / "one.dcm"
        path.write_bytes(instance(1))
        arguments = ("-v", "-aet", THEIRS, "-aec", "SINFONIETTA", "127.0.0.1", server.dimse_port, path)
        assert run("storescu", *arguments).statuses() == ["Success"]
        rest = json.loads(server.cli("check", "--json"))
        assert next(row for row in rest if row["part"] == "DICOM door")["works"]
        # A process of the door that dies is started again.
        assert server.process
        door = next(
            pid for pid in children(server.process.pid) if b"dimse" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        assert len(children(door)) == 2
        os.kill(children(door)[0], signal.SIGKILL)
        assert run("storescu", *arguments).statuses() == ["Success"]
        server.cli("remove-peer", THEIRS)
        assert "Rejected" in run("storescu", *arguments).text
    finally:
        server.stop()
