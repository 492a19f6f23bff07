"""The reader of multipart bodies: the same parts however the bytes come."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.dicom.errors import BadRequest
from sinfonietta.interfaces.dicomweb.incoming import Parts

BOUNDARY = b"b"


class Dripping(io.RawIOBase):
    """Gives a few bytes at a time."""

    def __init__(self, body: bytes, step: int) -> None:
        self.body, self.step = io.BytesIO(body), step

    def read(self, size: int = -1, /) -> bytes:
        return self.body.read(min(self.step, size) if size >= 0 else self.step)


def read_all(stream: io.RawIOBase | io.BytesIO, size: int = 7) -> list[tuple[dict[str, str], bytes]]:
    parts, found = Parts(stream, BOUNDARY), []  # type: ignore[arg-type]
    while (head := parts.next()) is not None:
        data = b""
        while block := parts.read(size):
            assert len(block) <= size
            data += block
        found.append((head, data))
    return found


def body(contents: list[bytes], head: bytes = b"Content-Type: a/b\r\n") -> bytes:
    return b"".join(b"--b\r\n" + head + b"\r\n" + one + b"\r\n" for one in contents) + b"--b--"


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b"\r\n", b"\r\n-", b"\r\n--", b"--b", b"\r\r\n--c"]), max_size=5
    ),
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_parts_come_out_as_they_went_in(contents: list[bytes], step: int, size: int) -> None:
    contents = [one.replace(b"\r\n--b", b"") for one in contents]
    found = read_all(Dripping(body(contents), step), size)
    assert found == [({"content-type": "a/b"}, one) for one in contents]


def test_a_part_without_a_head_and_text_around() -> None:
    assert read_all(io.BytesIO(b"hello\r\n" + body([b"x"], b"") + b"\r\nbye")) == [({}, b"x")]


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_body_that_breaks_off(cut: int) -> None:
    whole = body([b"some bytes", b"more"])
    with pytest.raises(BadRequest):
        read_all(io.BytesIO(whole[:-cut]))


def test_parts_that_are_not_read_are_skipped() -> None:
    parts = Parts(io.BytesIO(body([b"x" * 1000, b"y"])), BOUNDARY)
    heads = []
    while (head := parts.next()) is not None:
        heads.append(head)
    assert len(heads) == 2


def test_memory_stays_flat() -> None:
    class Zeros(io.RawIOBase):
        left = 200 << 20
        begun = False

        def read(self, size: int = -1, /) -> bytes:
            if not self.begun:
                self.begun = True
                return b"--b\r\n\r\n"
            block = bytes(min(size, self.left))
            self.left -= len(block)
            return block or b"\r\n--b--"

    parts = Parts(Zeros(), BOUNDARY)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        assert parts.next() == {}
        total = 0
        while block := parts.read(1 << 18):
            total += len(block)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    assert total >= 200 << 20
