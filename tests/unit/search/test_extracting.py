"""Text out of files of many kinds, and out of those that are broken or lie."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from sinfonietta.dicom.sandbox.isolation import Sandbox
from sinfonietta.search import texts
from sinfonietta.search.extracting import MOST_BYTES, OFFICE, OPEN

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 53>>stream
BT /F 12 Tf 20 40 Td (Papillary thyroid cancer) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF"""


def parts(path: Path, **named: str) -> Path:
    with zipfile.ZipFile(path, "w") as whole:
        for name, content in named.items():
            whole.writestr(name.replace("__", "/") + ".xml", content)
    return path


def kept(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("media_type", "content", "said"),
    [
        ("text/plain", "Schilddrüse".encode(), "Schilddrüse"), ("text/plain", "Drüse".encode("latin-1"), "Drüse"),
        ("text/csv", b"patient,age\nA,40\n", "patient,age"), ("text/plain", "Drüse".encode("utf-16"), "Drüse"),
        ("text/html", b"<p>left<p>lobe<script>evil()</script><style>x{}</style>", " left lobe "),
        ("application/pdf", PDF, "Papillary thyroid cancer"),
    ],
)  # fmt: skip
def test_texts_pages_and_pdf(tmp_path: Path, media_type: str, content: bytes, said: str) -> None:
    found = texts.read(kept(tmp_path, content), media_type)
    assert said in found
    assert "evil" not in found
    assert "x{}" not in found


def test_office_files(tmp_path: Path) -> None:
    body = f"<w:d {W}><w:p><w:r><w:t>left</w:t></w:r></w:p><w:p><w:r><w:t>lo</w:t><w:t>be</w:t></w:r></w:p></w:d>"
    docx = parts(tmp_path / "a", word__document=body, word__header1=f"<w:hdr {W}><w:t>Clinic</w:t></w:hdr>")
    assert texts.read(docx, OFFICE + "wordprocessingml.document").split() == ["left", "lobe", "Clinic"]
    strings = "<sst><si><t>age</t></si><si><t>sex</t></si></sst>"
    sheet = '<w><c t="s"><v>0</v></c><c t="inlineStr"><is><t>dose</t></is></c></w>'
    xlsx = parts(tmp_path / "b", xl__sharedStrings=strings, xl__worksheets__sheet1=sheet)
    assert texts.read(xlsx, OFFICE + "spreadsheetml.sheet").split() == ["age", "sex", "dose"]
    pptx = parts(tmp_path / "c", ppt__slides__slide1="<p><t>thyroid</t></p>", ppt__theme__theme1="<t>hidden</t>")
    assert texts.read(pptx, OFFICE + "presentationml.presentation").split() == ["thyroid"]
    odt = parts(tmp_path / "d", content="<o><h>left</h><p>lobe</p></o>", meta="<m>hidden</m>")
    assert texts.read(odt, OPEN + "text").split() == ["left", "lobe"]


def test_no_document_type_is_read(tmp_path: Path) -> None:
    evil = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d><p>before</p>&x;</d>'
    assert texts.read(parts(tmp_path / "a", content=evil), OPEN + "text") == ""


def test_what_is_broken_says_what_could_be_read_and_bombs_end_early(tmp_path: Path) -> None:
    assert "left" in texts.read(parts(tmp_path / "a", content="<o><p>left</p><p>lobe"), OPEN + "text")
    assert texts.read(kept(tmp_path, b"PK\x03\x04 nothing"), OPEN + "text") == ""
    assert texts.read(kept(tmp_path, b"%PDF-1.7 nothing"), "application/pdf") == ""
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("content.xml", "<o>" + "<p>word</p>" * 5_000_000)
    found = texts.read(tmp_path / "bomb", OPEN + "text")
    assert 0 < len(found) <= MOST_BYTES


def test_a_reader_that_hangs_or_dies_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path, b"x" * 1000)
    assert texts.read(path, "text/plain") != ""
    for bounds in ({"memory_bytes": 1 << 20}, {"timeout_s": 1e-6}):
        narrow = Sandbox(module="sinfonietta.search.extracting", size=1, **bounds)
        monkeypatch.setattr(texts, "pool", lambda narrow=narrow: narrow)
        assert texts.read(path, "text/plain") == "", bounds
        narrow.close()
