"""The phantom in Alice's collection: images and dose in different folders, so that rights can differ."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor
    from sinfonietta.demo.truth import Truth
    from sinfonietta.library.models import Node


@dataclass
class Phantom:
    """Where its files lie."""

    truth: Truth
    collection: Node
    images: Node
    rt: Node
    ct: list[Node]
    structures: Node
    plan: Node
    dose: Node


@pytest.fixture(autouse=True)
def _reads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes the audit of reads would wait for the transaction of the test."""
    from sinfonietta.audit import services

    monkeypatch.setattr(services, "FLUSH_S", 3600.0)


@pytest.fixture(scope="session")
def phantom_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    from sinfonietta.demo import phantom

    folder = tmp_path_factory.mktemp("phantom")
    return folder, phantom.write_phantom(folder, slices=16, size=64)


@pytest.fixture
def planned(alice: Actor, bob: Actor, phantom_files: tuple[Path, Truth]) -> Phantom:
    """Alice's; Bob reads all of it."""
    from sinfonietta.ingest.services import Item, put_many, receive, staging
    from sinfonietta.library import services
    from sinfonietta.library.models import Level

    folder, truth = phantom_files
    collection = services.create_collection(actor=alice, name="Phantom")
    services.set_grants(actor=alice, uid=collection.uid, inherit=False, grants=[("user", bob.name, Level.READ)])
    images = services.create_folder(actor=alice, parent=collection.uid, name="CT")
    rt = services.create_folder(actor=alice, parent=collection.uid, name="RT")
    names = ("structures", "plan", "dose")
    paths = [*sorted((folder / "CT").iterdir()), *(folder / "RT" / f"{name}.dcm" for name in names)]
    with ExitStack() as stack:
        items = []
        for path in paths:
            staged = stack.enter_context(staging())
            with path.open("rb") as stream:
                parent = images if path.parent.name == "CT" else rt
                items.append(Item(staged, *receive(staged, stream, None), parent.uid, path.name))
        filed = put_many(actor=alice, items=items)
    nodes = [one.node for one in filed]  # type: ignore[union-attr]
    return Phantom(truth, collection, images, rt, nodes[:-3], **dict(zip(names, nodes[-3:], strict=True)))
