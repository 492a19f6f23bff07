"""What strangers send: nothing crashes, nothing grows, and what is wrong is said."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ImplicitVRLittleEndian
from tests.unit.dicom import files

from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.parse import Header, parse


def _header(path: Path, content: bytes, limits: Limits | None = None) -> Header:
    path = path / "file"
    path.write_bytes(content)
    header = parse(path, limits=limits)
    assert header is not None
    return header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"D",
        b"%PDF-1.7\n" * 40,
        bytes(200),
        b"\x08\x00\x05\x00CS",
        bytes(range(256)) * 8,
        b"PK\x03\x04" + bytes(500),
    ],
    ids=["empty", "short", "pdf", "zeros", "six bytes", "all bytes", "zip"],
)
def test_not_dicom(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert parse(tmp_path / "file") is None


def test_a_file_named_dcm_is_judged_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "notes.dcm").write_text("Dear all, " * 100)
    assert parse(tmp_path / "notes.dcm") is None


def test_a_dataset_without_preamble(tmp_path: Path) -> None:
    whole = files.encoded(files.image())
    start = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    for content in (whole[132:], whole[start:]):
        header = _header(tmp_path, content)
        assert header.complete
        assert header.sop_instance_uid == "1.2.3.4"
        assert header.transfer_syntax == "1.2.840.10008.1.2.1"


def test_deflate_bomb(tmp_path: Path) -> None:
    tracemalloc.start()
    header = _header(tmp_path, files.deflate_bomb(1 << 28), Limits(inflate_bytes=64 << 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not header.complete
    assert header.problem == "The compressed dataset expands beyond the limit of 64 MiB."
    assert peak < 16 << 20


def test_a_large_deflated_dataset_needs_no_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(files.deflate_bomb(1 << 28))
    tracemalloc.start()
    header = parse(tmp_path / "file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert header is not None
    assert header.complete
    assert header.bulk["bulk/00091010"][1] == 1 << 28
    assert peak < 16 << 20


def test_damaged_and_broken_off_deflate(tmp_path: Path) -> None:
    whole = files.sample("image_dfl.dcm").read_bytes()
    assert _header(tmp_path, whole[:-200]).problem == "The compressed dataset breaks off."
    start = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    damaged = whole[:start] + b"\x07" + whole[start + 1 :]  # a block type that does not exist
    assert _header(tmp_path, damaged).problem == "The compressed dataset is damaged."


def test_lying_length(tmp_path: Path) -> None:
    header = _header(tmp_path, files.lying_length())
    assert not header.complete
    assert header.problem == "Attribute (7FE0,0010) claims 4,294,967,280 bytes; 64 are left."
    assert header.sop_instance_uid == "1.2.3.4"


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm", "test-SR.dcm", "image_dfl.dcm"]
)
def test_cut_anywhere(tmp_path: Path, name: str) -> None:
    whole = files.sample(name).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 150)):
        (tmp_path / "file").write_bytes(whole[:length])
        header = parse(tmp_path / "file")
        if header is not None and header.complete:  # exactly between two attributes: nobody can tell
            assert header.pixels is None


@pytest.mark.parametrize("depth", [65, 500, 5000])
def test_nested_too_deep(tmp_path: Path, depth: int) -> None:
    header = _header(tmp_path, files.nested(depth))
    assert not header.complete
    assert header.problem == "Sequences are nested more than 64 deep."


def test_nested_as_deep_as_is_taken(tmp_path: Path) -> None:
    assert _header(tmp_path, files.nested(64)).complete


def test_too_many_attributes(tmp_path: Path) -> None:
    header = _header(tmp_path, files.without_pixels(), Limits(elements=5))
    assert header.problem == "There are more than 5 attributes."


def test_executable_preamble(tmp_path: Path) -> None:
    content = files.encoded(files.image())
    assert not _header(tmp_path, content).executable_preamble
    assert _header(tmp_path, b"MZ" + b"\x90" * 126 + content[128:]).executable_preamble
    assert _header(tmp_path, b"\x7fELF" + b"\x90" * 124 + content[128:]).executable_preamble


BAD_UIDS = ["../../../../etc/cron.d/x", "..", ".", "1.2.", "1..2", "1" * 65, "1.2.é", "1.2 3", "1.2/3", "1.2\\1.3", "x"]


@pytest.mark.filterwarnings("ignore:The value length")  # pydicom's, while we build
@pytest.mark.parametrize("uid", BAD_UIDS)
@pytest.mark.parametrize("tag", [0x00080018, 0x0020000D, 0x0020000E, 0x00080016])
def test_uids_that_are_none(tmp_path: Path, uid: str, tag: int) -> None:
    dataset = files.image()
    good = f"1.2.3.{tag}.99"
    dataset[tag].value = good.ljust(len(uid.encode()), "9")
    content = files.encoded(dataset)
    wanted = uid.encode().ljust(len(dataset[tag].value), b"\0")
    header = _header(tmp_path, content.replace(dataset[tag].value.encode(), wanted))
    assert not header.complete
    assert header.problem.endswith("UID is not a valid UID.")
    assert not header.is_instance


def test_a_bad_uid_in_the_file_meta_information(tmp_path: Path) -> None:
    content = files.encoded(files.image(SOPInstanceUID="1.2.3.4.5.6.7.8"))
    at = content.index(b"1.2.3.4.5.6.7.8")
    header = _header(tmp_path, content[:at] + b"../../../../tmp" + content[at + 15 :])
    assert header.problem == "The SOP Instance UID in the file meta information is not a valid UID."


def test_what_lacks_a_uid_is_a_file_but_no_instance(tmp_path: Path) -> None:
    header = _header(tmp_path, files.encoded(files.image(SeriesInstanceUID=None)))
    assert header.complete
    assert not header.is_instance


def test_frames_without_end_cost_nothing(tmp_path: Path) -> None:
    header = _header(tmp_path, files.encoded(files.image(NumberOfFrames=2**31 - 1)))
    assert header.complete
    assert header.pixels is not None
    assert header.pixels.number_of_frames == 2**31 - 1
    assert header.pixels.frames == b""


def test_trailing_zeros_are_padding_and_other_bytes_are_not(tmp_path: Path) -> None:
    content = files.encoded(files.image())
    assert _header(tmp_path, content + bytes(512)).complete
    assert not _header(tmp_path, content + b"junk").complete


def test_no_nul_reaches_a_database(tmp_path: Path) -> None:
    content = files.encoded(files.image(PatientID="A?B?"))
    header = _header(tmp_path, content.replace(b"A?B?", b"A\0B\0"))
    assert header.json["00100020"]["Value"] == ["A\ufffdB"]


@pytest.mark.parametrize("vr", [b"PN", b"IS", b"US", b"SQ", b"OB", b"ZZ", b"\0\0"])
def test_a_character_set_of_another_vr(tmp_path: Path, vr: bytes) -> None:
    content = files.without_pixels(SpecificCharacterSet="ISO_IR 100")
    header = _header(tmp_path, content.replace(b"\x08\0\x05\0CS", b"\x08\0\x05\0" + vr))
    assert header.complete == (not header.problem)


SEEDS = {
    name: files.sample(name).read_bytes()
    for name in (
        "MR_small_RLE.dcm",
        "test-SR.dcm",
        "MR_small_implicit.dcm",
        "image_dfl.dcm",
        "priv_SQ.dcm",
        "UN_sequence.dcm",
    )
} | {"own": files.encoded(files.image(), ImplicitVRLittleEndian)}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(sorted(SEEDS)),
    flips=st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_flipped_bytes_never_crash(tmp_path: Path, seed: str, flips: list[tuple[int, int]]) -> None:
    content = bytearray(SEEDS[seed])
    for at, byte in flips:
        content[at % len(content)] = byte
    (tmp_path / "file").write_bytes(content)
    header = parse(tmp_path / "file", limits=Limits(inflate_bytes=8 << 20))
    assert header is None or header.complete == (not header.problem)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=400))
def test_any_bytes_after_a_good_beginning(tmp_path: Path, tail: bytes) -> None:
    (tmp_path / "file").write_bytes(files.without_pixels() + tail)
    header = parse(tmp_path / "file")
    assert header is not None
    assert header.complete == (not header.problem)


def test_values_beyond_what_a_header_may_hold_are_bulk_data(tmp_path: Path) -> None:
    texts = b"".join(struct.pack("<HH2sHI", 0x0011, 0x1000 + n, b"UT", 0, 1000) + b"x" * 1000 for n in range(5))
    (tmp_path / "file").write_bytes(files.without_pixels() + texts)
    header = parse(tmp_path / "file", limits=Limits(header_bytes=3500))
    assert header is not None
    assert header.complete
    assert [uri for uri in header.bulk if uri.startswith("bulk/0011")] == ["bulk/00111003", "bulk/00111004"]
    assert "Value" in header.json["00111002"]
