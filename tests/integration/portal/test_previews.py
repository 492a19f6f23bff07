"""Previews within rights, kept and forgotten; converters that hang or die."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support import kinds

from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.ingest.services import put
from sinfonietta.previews import cache, office, shown

if TYPE_CHECKING:
    from django.test import Client
    from tests.support.portal import Place

    from sinfonietta.accounts.actor import Actor


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "previews")
    return tmp_path / "previews"


def test_bytes_that_are_no_file_are_shown_by_the_same_interface(own_cache: Path) -> None:
    with shown.of_bytes(b'{"a": 1}', name="in/a.json", media_type="application/json") as source:
        assert source.kinds == ("tree", "text")
        assert shown.show(source, "tree").head["nodes"][1]["value"] == "1"
        with pytest.raises(NotFound):
            shown.show(source, "table")
    with shown.of_bytes(kinds.BOMB_XML, name="a.xml", media_type="application/xml") as source:
        for _ in range(2):  # the second time by what was kept
            with pytest.raises(Invalid, match="entities"):
                shown.show(source, "tree")
    assert len([path for path in own_cache.glob("*/*") if not path.suffix]) == 2


def test_what_was_made_is_forgotten_by_age_and_by_size(own_cache: Path) -> None:
    keys = [cache.key_of(str(n), "text", "a", {}) for n in range(4)]
    for age, key in enumerate(keys):
        made = cache.put(key, {"n": age}, bytes(1000))
        for path in (made.body, made.body.with_suffix("")):
            os.utime(path, (1_700_000_000, 1_700_000_000) if age == 0 else None)
    assert cache.forget(days=30) == 2
    assert cache.get(keys[0]) is None
    assert cache.forget(days=30, most_bytes=1500) >= 2
    assert sum(path.stat().st_size for path in own_cache.glob("*/*")) <= 1500


def test_who_may_not_see_a_file_sees_no_preview(place: Place, owner: Client, stranger: Client) -> None:
    for way in ("shown", "shown?kind=text", "shown/html"):
        assert stranger.get(f"/files/{place.text.uid}/{way}").status_code == 404
    assert owner.get(f"/files/{place.text.uid}/shown?kind=table").status_code == 404
    assert owner.get(f"/files/{place.text.uid}/shown/html").status_code == 404
    assert owner.get(f"/files/{place.dicom.uid}/shown").status_code == 404


@pytest.mark.parametrize(
    ("script", "words"),
    [("sleep 60", "not done with it"), ("kill -SEGV $$", "cannot read it"), ("exit 0", "cannot read")],
)
def test_a_converter_that_hangs_or_dies(
    script: str, words: str, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "soffice"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(office, "program", lambda: str(program))
    monkeypatch.setattr(office, "SECONDS", 1.0)
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    with shown.of_bytes(kinds.docx(), name="a.docx", media_type=kind) as source, pytest.raises(Invalid, match=words):
        office.as_pdf(source, lambda: None)


def test_a_site_without_libreoffice_says_so(
    place: Place, owner: Client, alice: Actor, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "program", lambda: None)
    made = put(actor=alice, parent_uid=place.collection.uid, name="a.docx", stream=io.BytesIO(kinds.docx()))
    said = owner.get(f"/files/{made.node.uid}/shown").content.decode()
    assert "This site has no LibreOffice" in said
    assert "/content" in said
