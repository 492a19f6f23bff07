"""Whatever a file does to the process that opens it, the caller gets an answer and the next file is served."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.dicom import files

from sinfonietta.dicom.dataset.attributes import indexed
from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.packing import dataset_of, pack_dataset
from sinfonietta.dicom.dataset.parse import parse
from sinfonietta.dicom.dataset.tags import MAX_ROWS
from sinfonietta.dicom.image.options import PRESETS, RenderOptions
from sinfonietta.dicom.sandbox import child, isolation, wire
from sinfonietta.dicom.sandbox.isolation import Sandbox

CT = files.sample("CT_small.dcm")


@pytest.fixture
def own() -> Iterator[Sandbox]:
    made = Sandbox(size=1)
    yield made
    made.close()


def test_the_child_says_what_the_parser_says(sandbox: Sandbox) -> None:
    for name in ("CT_small.dcm", "JPEG2000.dcm", "image_dfl.dcm", "rtplan.dcm", "rtplan_truncated.dcm"):
        told, known = sandbox.parse(files.sample(name)), parse(files.sample(name))
        assert told is not None
        assert known is not None
        assert told.json == indexed(known.json)
        assert dataset_of(told.packed) == dataset_of(pack_dataset(known.json))
        assert replace(told, json=known.json, packed=b"") == known
    assert sandbox.parse(files.sample("README.txt")) is None


def test_the_child_says_no(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(isolation.Undrawable, match=r"^The file holds no image\.$"):
        sandbox.render(files.sample("rtplan.dcm"))
    with pytest.raises(isolation.Undrawable, match="not DICOM"):
        sandbox.render(files.sample("README.txt"))
    with pytest.raises(isolation.Unreadable, match="No such file"):
        sandbox.parse(tmp_path / "absent")
    with pytest.raises(isolation.NoSuchValue):
        sandbox.bulk(CT, "bulk/00100010")


def test_bulk_values(sandbox: Sandbox) -> None:
    header = parse(CT)
    assert header is not None
    offset, length, _ = header.bulk["bulk/7FE00010"]
    assert sandbox.bulk(CT, "bulk/7FE00010") == CT.read_bytes()[offset : offset + length]
    assert len(sandbox.bulk(files.sample("image_dfl.dcm"), "bulk/7FE00010")) == 512 * 512
    little = sandbox.bulk(files.sample("MR_small.dcm"), "bulk/7FE00010")
    assert sandbox.bulk(files.sample("MR_small_bigendian.dcm"), "bulk/7FE00010") == little


def test_frames_as_native_pixels(sandbox: Sandbox) -> None:
    stored = sandbox.bulk(files.sample("MR_small.dcm"), "bulk/7FE00010")
    for name in ("MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"):
        frame = sandbox.decode_frame(files.sample(name))
        assert frame.data == stored
        assert (frame.rows, frame.columns, frame.samples, frame.bits_allocated) == (64, 64, 1, 16)
        assert frame.photometric == "MONOCHROME2"


def test_killed_in_the_middle_of_a_call(own: Sandbox) -> None:
    """The call is made again by a new child; should that die too, it is the file's fault."""
    expected = own.parse(CT)
    victim = own._idle[0].process.pid
    os.kill(victim, signal.SIGSTOP)  # so that the call cannot end before the child does
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own.parse, CT)
        _until_asked(own)
        os.kill(victim, signal.SIGKILL)
        assert waiting.result(20) == expected
    assert own._idle[0].process.pid != victim


def test_every_child_dies() -> None:
    deadly = Sandbox(size=1, idle_s=0)  # each child ends before it reads a question
    with pytest.raises(isolation.Crashed, match="died over it"):
        deadly.parse(CT)


def _until_asked(sandbox: Sandbox) -> None:
    """Returns when the only child has been taken for a call."""
    pause = threading.Event()
    while sandbox._idle:
        pause.wait(0.001)


def test_too_slow(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    slow = Sandbox(size=1, timeout_s=0.5)
    try:
        with pytest.raises(isolation.TimedOut, match=r"longer than 0\.5 seconds"):
            slow.parse(tmp_path / "pipe")
        slow.timeout_s = 20
        assert slow.parse(CT) is not None
    finally:
        slow.close()


def test_an_image_that_aborts_the_decoder(own: Sandbox, tmp_path: Path) -> None:
    """One byte of a JPEG is wrong, and gdcm calls abort(): a process of ours would have been gone."""
    content = bytearray(files.sample("SC_rgb_jpeg_dcmtk.dcm").read_bytes())
    content[1938] = 0x5F
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(isolation.Crashed, match="died over it"):
        own.render(tmp_path / "file")
    assert own.render(CT).startswith(b"\x89PNG")


def test_no_child_is_free(own: Sandbox) -> None:
    own.parse(CT)
    victim = own._idle[0].process.pid
    os.kill(victim, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own.parse, CT)
        _until_asked(own)
        own.timeout_s = 0.1
        with pytest.raises(isolation.TimedOut, match="Too many files"):
            own.parse(CT)
        os.kill(victim, signal.SIGCONT)
        assert waiting.result(20) is not None


def test_who_draws_leaves_room_for_files_that_arrive() -> None:
    pair = Sandbox(size=2, callers=2)
    try:
        pair.parse(CT)
        victim = pair._idle[0].process.pid
        os.kill(victim, signal.SIGSTOP)
        with ThreadPoolExecutor(2) as threads:
            drawn = [threads.submit(pair.render, CT) for _ in range(2)]
            while pair._queue._value:
                threading.Event().wait(0.001)
            _until_asked(pair)
            assert pair.parse(CT) is not None  # by the other child, which no drawing may take
            with pytest.raises(isolation.Busy):
                pair.render(CT)
            os.kill(victim, signal.SIGCONT)
            assert all(one.result(20).startswith(b"\x89PNG") for one in drawn)
    finally:
        pair.close()


def test_more_memory_than_a_file_may_take(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(files.encoded(files.image(9000, 9000)))
    small = Sandbox(size=1, memory_bytes=384 << 20, timeout_s=20)
    try:
        with pytest.raises((isolation.TooBig, isolation.Crashed)):
            small.render(tmp_path / "file")
        assert not small._idle
        assert small.parse(CT) is not None
    finally:
        small.close()


def test_deflate_bomb_leaves_the_child_small(own: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(files.deflate_bomb(1 << 30))
    own.parse(CT)
    header = own.parse(tmp_path / "bomb")
    assert header is not None
    assert header.problem == "The compressed dataset expands beyond the limit of 512 MiB."
    status = Path(f"/proc/{own._idle[0].process.pid}/status").read_text()
    peak_kib = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kib < 256 << 10


def test_limits_reach_the_child(tmp_path: Path) -> None:
    strict = Sandbox(size=1, limits=Limits(elements=3))
    try:
        header = strict.parse(CT)
        assert header is not None
        assert header.problem == "There are more than 3 attributes."
    finally:
        strict.close()


def test_many_threads(sandbox: Sandbox) -> None:
    names = ["CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "rtplan.dcm"] * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: sandbox.parse(files.sample(name)), names))
    assert found == [sandbox.parse(files.sample(name)) for name in names]


def test_a_large_header_stays_where_it_was_parsed(sandbox: Sandbox, tmp_path: Path) -> None:
    """As an object it takes a hundred times its size in memory; here it arrives compressed, and little of it open."""
    many = b"".join(struct.pack("<HH2sH", 0x0011, 0x1000 + number, b"LO", 0) for number in range(50_000))
    (tmp_path / "file").write_bytes(files.without_pixels() + many)
    header = sandbox.parse(tmp_path / "file")
    assert header is not None
    assert len(header.json) < 30
    assert dataset_of(header.packed, 1 << 20) is None
    whole = dataset_of(header.packed)
    assert whole is not None
    assert len(whole) > 50_000
    rows, windows = sandbox.tags(tmp_path / "file")
    assert (rows[0].keyword, len(rows), windows) == ("SOPClassUID", MAX_ROWS, PRESETS["CT"])


def test_a_forked_process_has_children_of_its_own(own: Sandbox) -> None:
    own.parse(CT)
    ours = own._idle[0].process.pid
    child_pid = os.fork()
    if child_pid == 0:
        try:
            right = own.parse(CT) is not None and own._idle[0].process.pid != ours
            own.close()
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child_pid, 0)[1] == 0
    assert own.parse(CT) is not None
    assert own._idle[0].process.pid == ours


def test_an_idle_child_ends_and_is_replaced() -> None:
    brief = Sandbox(size=1, idle_s=0.2)
    try:
        brief.parse(CT)
        process = brief._idle[0].process
        process.wait(20)
        assert brief.parse(CT) is not None
        assert brief._idle[0].process.pid != process.pid
    finally:
        brief.close()


def test_a_child_ends_with_its_parent(own: Sandbox) -> None:
    own.parse(CT)
    process = own._idle[0].process
    own._idle[0].sock.close()
    assert process.wait(20) == 0


def test_the_child_has_none_of_the_servers_secrets(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINFONIETTA_SECRET", "hidden")
    own.parse(CT)
    environment = Path(f"/proc/{own._idle[0].process.pid}/environ").read_bytes()
    assert b"hidden" not in environment


def test_the_child_is_confined(own: Sandbox) -> None:
    own.parse(CT)
    limits = Path(f"/proc/{own._idle[0].process.pid}/limits").read_text()
    said = {line[:25].strip(): line[25:].split()[0] for line in limits.splitlines()}
    assert said["Max address space"] == str(2 << 30)
    assert said["Max core file size"] == "0"
    assert said["Max file size"] == "0"


def test_parsing_needs_neither_numpy_nor_pydicom_nor_django(own: Sandbox) -> None:
    own.parse(CT)
    maps = Path(f"/proc/{own._idle[0].process.pid}/maps").read_text()
    assert "numpy" not in maps
    assert "orjson" in maps


def test_asking_needs_no_numpy() -> None:
    modules = "sinfonietta.dicom.sandbox.isolation, sinfonietta.dicom.dataset.tags"
    code = f"import sys, {modules}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_options_travel(sandbox: Sandbox) -> None:
    jpeg = sandbox.render(CT, options=RenderOptions(window=(40, 400), max_size=(64, 64), format="jpeg"))
    assert jpeg.startswith(b"\xff\xd8")
    assert sandbox.render(CT).startswith(b"\x89PNG")


def test_an_answer_survives_any_question() -> None:
    head, _ = child.answer({"operation": "parse", "path": str(CT), "limits": {"nonsense": 1}})
    assert head["error"] == "Crashed"


def test_an_oversized_message_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"\xff" * 8)
        with pytest.raises(wire.Oversized):
            wire.receive(theirs, wire.Deadline(5))
        monkeypatch.setattr(wire, "MAX_BODY_BYTES", 10)
        with pytest.raises(wire.Oversized):
            wire.send(ours, {}, bytes(11))


COMPRESSED = (
    "MR_small_RLE",
    "MR_small_jp2klossless",
    "MR_small_jpeg_ls_lossless",
    "JPGExtended",
    "SC_rgb_jpeg_dcmtk",
    "SC_rgb_rle_2frame",
    "image_dfl",
)
SEEDS = {name: files.sample(f"{name}.dcm").read_bytes() for name in COMPRESSED}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(sorted(SEEDS)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_images_are_drawn_or_refused(
    sandbox: Sandbox, tmp_path: Path, seed: str, flips: list[tuple[float, int]]
) -> None:
    content = bytearray(SEEDS[seed])
    for at, byte in flips:
        content[int(at * len(content))] = byte
    (tmp_path / "file").write_bytes(content)
    try:
        picture = sandbox.render(tmp_path / "file")
    except isolation.IsolationError:
        return
    assert picture.startswith(b"\x89PNG")
