"""Kinds of files, each read in the confined process as the server does it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.support import kinds

from sinfonietta.dicom.sandbox import isolation
from sinfonietta.previews.adapters import markup
from sinfonietta.previews.confined import pool
from sinfonietta.previews.kinds import showable


@pytest.fixture
def shown(tmp_path: Path) -> Any:
    def ask(kind: str, name: str, content: bytes, **asked: Any) -> tuple[dict[str, Any], bytes]:
        path = tmp_path / "blob"
        path.write_bytes(content)
        return pool().ask(kind, path, name=name, **asked)

    return ask


def test_source_code_is_coloured_and_keeps_every_character(shown: Any) -> None:
    text = "def dose(x):\n    return x  # Gy <b>\n\n"
    head, _ = shown("text", "a.py", text.encode())
    assert head["language"] == "Python"
    assert ["k", "def"] in head["lines"][0]
    assert "\n".join("".join(word for _, word in line) for line in head["lines"]) + "\n" == text
    assert shown("text", "notes", "Gr\xf6\xdfe".encode("latin-1"))[0]["encoding"] == "cp1252"


def test_markup_loses_what_acts(shown: Any) -> None:
    head, _ = shown(
        "markdown", "a.md", b"# T\n\n<script>x()</script>\n\n[go](java:x) ![i](http://far/i.png)\n\n|a|\n|-|\n|b|"
    )
    assert "<h1>T</h1>" in head["html"]
    assert "<td>b</td>" in head["html"]
    assert not [word for word in ("script", "far") if word in head["html"]]
    _, body = shown("html", "a.html", kinds.EVIL_HTML)
    assert b"Protocol" in body
    assert not [word for word in (b"script", b"onerror", b"iframe") if word in body]
    head, _ = shown("notebook", "a.ipynb", kinds.notebook())
    assert head["cells"][1]["outputs"][1]["picture"].startswith("data:image/png;base64,")
    assert "evil" not in json.dumps(head)
    assert markup.clean('<a href="data:text/html,<script>1</script>">x</a>').find("data:") < 0


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("a.json", b'{"a": [1, {"b": "c"}]}', ["", "a", "0", "1", "b"]),
        ("a.toml", b"[a]\nb = 2020-01-01", ["", "a", "b"]),
        ("a.yaml", b"a: &x [1]\nb: *x", ["", "a", "0", "b", "0"]),
        ("a.xml", b"<?xml version='1.0' encoding='latin-1'?><a k='1'><b/></a>", ["a", "@k", "b"]),
    ],
)
def test_trees(shown: Any, name: str, content: bytes, labels: list[str]) -> None:
    nodes = shown("tree", name, content)[0]["nodes"]
    assert [node["label"] for node in nodes] == labels
    assert sum(node["opens"] for node in nodes) == sum(len(node["closes"]) for node in nodes)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xml", kinds.BOMB_XML, "entities"), ("a.xml", kinds.OUTSIDE_XML, "entities"),
        ("a.json", b"[" * 200_000, "deep"), ("a.json", b"{nope", "not valid JSON"), ("a.yaml", b"a: [", "YAML"),
    ],
)  # fmt: skip
def test_trees_that_are_refused_in_words(shown: Any, name: str, content: bytes, words: str) -> None:
    with pytest.raises(isolation.Undrawable, match=words):
        shown("tree", name, content)


def test_a_yaml_of_laughs_is_bounded(shown: Any) -> None:
    rows = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    head, _ = shown("tree", "a.yaml", "\n".join(rows).encode())
    assert head["is_cut"]
    assert len(head["nodes"]) <= 4000


def test_a_table_by_pages(shown: Any) -> None:
    rows, at = [], 0
    while at is not None:
        head, _ = shown("table", "a.csv", kinds.TABLE.encode(), at=at)
        rows += head["rows"]
        at = head["next"]
    assert head["columns"] == ["patient", "sex", "age", "note"]
    assert head["types"] == ["text", "text", "whole number", "text"]
    assert [row[0] for row in rows] == [f"P-{n}" for n in range(250)]
    assert rows[3][3] == "=cmd()|3"
    quoted = '\ufeffa,b\n"one\ntwo","x ""y"""\n3,4\n'
    assert shown("table", "a.csv", quoted.encode())[0]["rows"] == [["one\ntwo", 'x "y"'], ["3", "4"]]
    with pytest.raises(isolation.Undrawable, match="quote"):
        shown("table", "a.csv", b'a,b\n"' + b"x" * (9 << 20))


def test_sheets(shown: Any) -> None:
    head, _ = shown("sheets", "a.xlsx", kinds.xlsx(), sheet=1)
    assert head["sheets"] == ["Patients", "Doses"]
    assert head["rows"][1] == ["P-1", "61.2 Gy"]
    with pytest.raises(isolation.Undrawable, match="damaged"):
        shown("sheets", "a.xlsx", kinds.xlsx()[:300])


def test_images(shown: Any) -> None:
    head, body = shown("picture", "a.tif", kinds.tiff(), page=1)
    assert (head["pages"], head["width"], head["height"]) == (2, 64, 48)
    drawn = Image.open(io.BytesIO(body)).convert("L")
    assert drawn.getpixel((0, 0)) > 240
    assert drawn.getpixel((0, 47)) < 15
    with pytest.raises(isolation.Undrawable, match="60,000 x 60,000"):
        shown("image", "a.png", kinds.flood())
    with pytest.raises(isolation.Undrawable, match="damaged"):
        shown("image", "a.png", kinds.picture()[:60])


def test_volumes(shown: Any) -> None:
    head, body = shown("volume", "a.nii.gz", kinds.nifti())
    assert (head["shape"], head["slice"]) == ([32, 24, 16], 8)
    drawn = Image.open(io.BytesIO(body))
    assert drawn.getpixel((16, 12)) == 255
    assert drawn.getpixel((0, 0)) == 0
    head, body = shown("volume", "a.nii.gz", kinds.nifti(), axis=0)
    assert Image.open(io.BytesIO(body)).size == (24, 40)
    assert shown("volume", "a.nrrd", kinds.nrrd(), slice_=3)[0]["high"] > 100
    with pytest.raises(isolation.Undrawable):
        shown("volume", "a.nii", b"\0" * 400)


def test_the_name_says_the_kind_unless_the_content_is_another() -> None:
    assert showable("text/plain", 9, "ready", name="a.md").kinds == ("markdown", "text")
    assert showable("image/png", 9, "ready", name="a.md").kinds == ("image",)
    assert showable("application/gzip", 9, "ready", name="a.nii.gz").kinds == ("volume",)
    assert showable("application/pdf", 9, "ready", name="a.docx").kinds == ("pdf",)
    assert showable("application/zip", 9, "ready", name="a.zip").kinds == ()
