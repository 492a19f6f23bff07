"""Alice owns two studies; Bob sees half of one. Each has a node that acts for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.dimse import Door

    from sinfonietta.accounts.actor import Actor
    from sinfonietta.library.models import Node

HALF = "HALF"
"""The node that acts for Bob."""


@pytest.fixture(autouse=True)
def _reads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes the audit of reads would come when the test is over."""
    from sinfonietta.audit import services

    monkeypatch.setattr(services, "FLUSH_S", 3600.0)


@pytest.fixture
def staged() -> Callable[[], set[str]]:
    """What lies in staging since the test began."""
    from sinfonietta.blobs import store

    before = {name for name, _ in store.default().staged()}
    return lambda: {name for name, _ in store.default().staged()} - before


@pytest.fixture
def door(transactional_db: None) -> Iterator[Door]:
    from tests.support.dimse import Door

    with Door() as opened:
        yield opened


@pytest.fixture
def peer(alice: Actor) -> None:
    """A node that acts for Alice."""
    from tests.support.dimse import THEIRS

    from sinfonietta.accounts.actor import SYSTEM
    from sinfonietta.dicom.peers import services as peers

    peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="127.0.0.1", port=11113, account="alice")


@dataclass
class Archive:
    """Two patients: of the first a study with a CT series for both and an MR series for Alice alone."""

    open: Node
    closed: Node


@pytest.fixture
def archive(transactional_db: None, alice: Actor, bob: Actor, peer: None) -> Archive:
    from tests.support.studies import instance, put

    from sinfonietta.accounts.actor import SYSTEM
    from sinfonietta.dicom.peers import services as peers
    from sinfonietta.library import services as library
    from sinfonietta.library.models import Level

    collection = library.create_collection(actor=alice, name="Trial")
    shared = library.create_folder(actor=alice, parent=collection.uid, name="Shared")
    hidden = library.create_folder(actor=alice, parent=collection.uid, name="Hidden")
    library.set_grants(actor=alice, uid=shared.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    for number in (1, 2):
        put(alice, shared.uid, instance(number, PatientName="Muster^Anna"), f"{number}.dcm")
    for number in (1, 2, 3):
        raw = instance(number, series="1.2.3.2", SeriesNumber=2, Modality="MR", PatientName="Muster^Anna")
        put(alice, hidden.uid, raw, f"mr{number}.dcm")
    put(
        alice, hidden.uid,
        instance(
            1, study="1.2.9", series="1.2.9.1", PatientID="P2", PatientName="Größe^Jörg", StudyDate="20240315",
            SpecificCharacterSet="ISO_IR 192", StudyDescription="Head",
        ),
        "p2.dcm",
    )  # fmt: skip
    peers.create_peer(actor=SYSTEM, ae_title=HALF, host="127.0.0.1", port=11114, account="bob")
    return Archive(shared, hidden)


@pytest.fixture
def at_home() -> Callable[[Actor], list[str]]:
    """The names of all files in the home of somebody."""

    from sinfonietta.library.models import Node
    from sinfonietta.library.queries import home

    def names(actor: Actor) -> list[str]:
        place = Node.objects.get(uid=home(actor=actor))
        below = Node.objects.filter(ancestry__startswith=place.below, kind=Node.Kind.FILE, trash=None)
        return sorted(below.values_list("name", flat=True))

    return names


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    """Three slices of a series as files."""
    from tests.support.studies import instance

    found = []
    for number in (1, 2, 3):
        path = tmp_path / f"slice{number}.dcm"
        path.write_bytes(instance(number, study="1.2.5", series="1.2.5.1"))
        found.append(path)
    return found
