"""STOW-RS of metadata and bulk data that come in parts of their own (DICOM PS3.18 10.5.1.4)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from sinfonietta.blobs import store
from sinfonietta.common.errors import TooLarge, Unavailable
from sinfonietta.dicom.errors import BadRequest
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.dicom.services import CANNOT_UNDERSTAND, Filing, Stored
from sinfonietta.ingest.services import receive, staging
from sinfonietta.interfaces.dicomweb import media
from sinfonietta.interfaces.dicomweb.incoming import Parts

BLOCK_BYTES = 1 << 20
MOST_METADATA_BYTES = 64 << 20
KINDS = {media.JSON: "json", media.XML: "xml"}


@dataclass
class Bulk:
    """The staged parts of one Content-Location, and the transfer syntax that they are in."""

    syntax: str
    parts: list[tuple[Path, int]] = field(default_factory=list)


@dataclass
class Request:
    """What has come: metadata, and bulk data by Content-Location; all of it staged until the stack is closed."""

    kind: str
    metadata: list[Path] = field(default_factory=list)
    bulk: dict[str, Bulk] = field(default_factory=dict)


def read(parts: Parts, media_type: str, stack: ExitStack, most_parts: int) -> Request:
    """Stage all parts of a body. Raises BadRequest, TooLarge, and what receiving raises."""
    request = Request(KINDS[media_type])
    metadata_bytes = count = 0
    while (head := parts.next()) is not None:
        count += 1
        if count > most_parts:
            raise TooLarge(f"A request has up to {most_parts} parts; send the rest in another one.")
        staged = stack.enter_context(staging())
        _, size = receive(staged, cast(IO[bytes], parts), None)
        path = store.default().staged_path(staged)
        part_type, _, said = head.get("content-type", media_type).partition(";")
        part_type = part_type.strip().lower()
        if part_type == media_type:
            metadata_bytes += size
            if metadata_bytes > MOST_METADATA_BYTES:
                raise TooLarge(f"Metadata of more than {MOST_METADATA_BYTES >> 20} MiB is bulk data.")
            request.metadata.append(path)
            continue
        location = head.get("content-location", "")
        if not location:
            raise BadRequest("A part with bulk data names its Content-Location.")
        bulk = request.bulk.setdefault(location, Bulk(_syntax(part_type, said)))
        bulk.parts.append((path, size))
    return request


def _syntax(part_type: str, said: str) -> str:
    stated = re.search(r'transfer-syntax\s*=\s*"?([0-9.]{1,64})', said)
    return stated[1] if stated else media.DEFAULT_SYNTAXES.get(part_type, "")


def file_all(request: Request, filing: Filing) -> None:
    """Put each dataset together with its bulk data, and file it. Raises BadRequest, TooLarge, Unavailable."""
    bulk = {place: ([size for _, size in one.parts], one.syntax) for place, one in request.bulk.items()}
    for metadata in request.metadata:
        try:
            files, body = isolation.pool().compose(metadata, request.kind, bulk)
        except isolation.Busy as error:
            raise Unavailable(str(error)) from error
        except isolation.Malformed as error:
            raise BadRequest(str(error)) from error
        except isolation.IsolationError as error:
            raise TooLarge(f"The metadata cannot be read: {error}") from error
        with ExitStack() as stack:
            for one in files:
                _file(one, body, request, filing, stack)
            filing.flush()


def _file(one: dict[str, Any], body: bytes, request: Request, filing: Filing, stack: ExitStack) -> None:
    if one["problem"]:
        uids = one["sop_class_uid"], one["sop_instance_uid"]
        filing.results.append(Stored(*uids, reason=CANNOT_UNDERSTAND, problem=one["problem"]))
        return
    staged = stack.enter_context(staging())
    filing.add(staged, *receive(staged, cast(IO[bytes], Spliced(_blocks(one["pieces"], body, request))), None))
    if not filing.has_waiting:
        stack.close()


def _blocks(pieces: Sequence[Sequence[Any]], body: bytes, request: Request) -> Iterator[bytes]:
    for kind, where, number in pieces:
        if kind == "bytes":
            yield body[where : where + number]
            continue
        with request.bulk[where].parts[number][0].open("rb") as part:
            while block := part.read(BLOCK_BYTES):
                yield block


class Spliced(io.RawIOBase):
    """Blocks, to be read like a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = block
        take = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:take], self._rest[take:]
        return found
