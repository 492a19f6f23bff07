"""A small client of the REST and tus doors, for ``put`` and ``get``. No Django."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import click
import httpx

BLOCK_BYTES = 1 << 20
AT_ONCE_BYTES = 8 << 20
"""Up to this size a file goes in the request that creates the upload (tus 1.0.0, creation-with-upload)."""
TRIES = 6
LONGEST_WAIT_S = 60.0
Progress = Callable[[int], None]
T = TypeVar("T")


class ServerSaid(click.ClickException):
    """The server refused; its own sentence."""


class Absent(ServerSaid):
    """404."""


class Busy(ServerSaid):
    """The server asks to come again, after so many seconds: 429, 503; or another writer still holds the upload."""

    def __init__(self, said: str, after_s: float) -> None:
        super().__init__(said)
        self.after_s = after_s


@dataclass(frozen=True)
class Place:
    """A path on the server: the deepest node that is there already, and the folders to make below it."""

    path: str
    node: str
    missing: tuple[str, ...]


def sha256_of(path: Path) -> str:
    """SHA-256 of a local file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Client:
    """One server, one token."""

    def __init__(self, server: str, token: str) -> None:
        if not server.startswith(("http://", "https://")):
            raise click.UsageError(f"--server is an address such as https://data.example.org, not {server!r}.")
        self.http = httpx.Client(
            base_url=server.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"},
            timeout=httpx.Timeout(60, connect=10),
        )

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """A request; ServerSaid with the server's sentence when it is refused, Absent when there is no such thing."""
        try:
            return _accepted(self.http.request(method, url, **options))
        except httpx.TransportError as error:
            raise ServerSaid(f"{self.http.base_url} cannot be reached: {error}") from error

    def json(self, method: str, url: str, **options: Any) -> Any:
        """The answer's content; ServerSaid also when it is none of ours."""
        try:
            return self.ask(method, url, **options).json()
        except ValueError as error:
            raise ServerSaid(f"{self.http.base_url} does not answer like Sinfonietta; check --server.") from error

    def find(self, path: str) -> dict[str, Any] | None:
        """The node at a path such as ``Collection/Folder/file``, or None."""
        try:
            return dict(self.json("GET", "/api/v1/nodes", params={"path": "/" + path.strip("/")}))
        except Absent:
            return None

    def place(self, path: str) -> Place:
        """Where ``path`` is, as far as it is there; its collection is made when it is not."""
        parts = [part for part in path.split("/") if part]
        if not parts:
            raise click.UsageError("--into needs at least the name of a collection.")
        for depth in range(len(parts), 0, -1):
            node = self.find("/".join(parts[:depth]))
            if node:
                return Place("/".join(parts), node["id"], tuple(parts[depth:]))
        made = self.json("POST", "/api/v1/collections", json={"name": parts[0]})
        return Place("/".join(parts), made["id"], tuple(parts[1:]))

    def manifest(self, node: str) -> list[dict[str, Any]]:
        """All files below a node: path, size_bytes, sha256, url."""
        return list(self.json("GET", f"/api/v1/nodes/{node}/manifest")["results"])

    def send(self, path: Path, place: Place, relative: str, progress: Progress) -> dict[str, Any]:
        """Upload one file, going on where an earlier attempt broke off; answers the file after comparing hashes."""
        digest, size = sha256_of(path), path.stat().st_size
        memory = _Memory(str(self.http.base_url), place.path, relative, digest)
        try:
            link = _again(path, lambda: self._send_once(path, size, digest, place, relative, memory, progress))
        except Absent:  # where it was going is gone: the next call begins anew
            memory.forget()
            raise
        memory.forget()
        file = self.json("GET", link)
        if file["sha256"] != digest:
            raise ServerSaid(f"{path}: the server has other bytes than were sent.")
        return dict(file)

    def _send_once(
        self, path: Path, size: int, digest: str, place: Place, relative: str, memory: _Memory, progress: Progress
    ) -> str:
        with path.open("rb") as stream:
            url, offset = memory.url, 0
            if url:
                head = self.http.head(url)
                if head.status_code in (404, 410):  # it expired
                    url = ""
                else:
                    offset = int(_accepted(head).headers["Upload-Offset"])
            if not url:
                response = self._create(stream, path, size, digest, place, relative)
                url = urljoin(str(self.http.base_url), response.headers["Location"])
                memory.remember(url)
                offset = int(response.headers.get("Upload-Offset", 0))
                if "file" in response.links:
                    progress(size)
                    return str(response.links["file"]["url"])
            stream.seek(offset)
            progress(offset)
            headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            headers["Content-Length"] = str(size - offset)
            response = _accepted(self.http.patch(url, content=_blocks(stream, progress), headers=headers, timeout=None))
            return str(response.links["file"]["url"])

    def _create(self, stream: Any, path: Path, size: int, digest: str, place: Place, relative: str) -> httpx.Response:
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
        said = {
            "filename": relative.rsplit("/", 1)[-1],
            "parent": place.node,
            "relativePath": "/".join((*place.missing, relative)),
            "sha256": digest,
            "modified": modified,
        }
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
        headers = {"Upload-Length": str(size), "Upload-Metadata": metadata}
        content = b""
        if size <= AT_ONCE_BYTES:
            content = stream.read()
            headers["Content-Type"] = "application/offset+octet-stream"
        return _accepted(self.http.post("/api/v1/uploads/", content=content, headers=headers))

    def fetch(self, url: str, target: Path, sha256: str, progress: Progress) -> None:
        """Download one file to ``target``, going on with a ``.part``; it gets its name once its hash is right."""
        part = target.with_name(target.name + ".part")
        target.parent.mkdir(parents=True, exist_ok=True)
        _again(target, lambda: self._fetch_once(url, part, sha256, progress))
        if sha256_of(part) != sha256:
            part.unlink()
            raise ServerSaid(f"{target}: the bytes that came are not those of the server's hash; try again.")
        part.replace(target)

    def _fetch_once(self, url: str, part: Path, sha256: str, progress: Progress) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-", "If-Range": f'"{sha256}"'} if have else {}
        with self.http.stream("GET", url, headers=headers) as response:
            if response.status_code == 416:  # it was whole already
                return
            if not response.is_success:
                response.read()
                _accepted(response)
            with part.open("ab" if response.status_code == 206 else "wb") as stream:
                for block in response.iter_bytes(BLOCK_BYTES):
                    stream.write(block)
                    progress(len(block))


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        said = response.json()
        detail = str(said.get("detail") or said.get("title"))
    except (ValueError, AttributeError):
        detail = response.reason_phrase
    sentence = f"The server refused ({response.status_code}): {detail}"
    if response.status_code == 401:
        sentence += " Make one on your account page, and name it in SINFONIETTA_TOKEN."
    if response.status_code in (423, 429, 503) or (response.status_code == 409 and response.request.method == "PATCH"):
        raise Busy(sentence, float(response.headers.get("Retry-After", 1)))
    raise (Absent if response.status_code == 404 else ServerSaid)(sentence)


def _again(what: Path, attempt: Callable[[], T]) -> T:
    """Try until the connection holds and the server has time, ever more slowly. Raises ServerSaid in the end."""
    for number in range(TRIES):
        try:
            return attempt()
        except Busy as busy:
            if number == TRIES - 1 or busy.after_s > LONGEST_WAIT_S:
                raise
            time.sleep(max(busy.after_s, 2.0**number / 4))
        except httpx.TransportError as error:
            if number == TRIES - 1:
                said = f"{what}: the connection broke off ({error}); the same command goes on."
                raise ServerSaid(said) from error
            time.sleep(2.0**number / 4)
    raise AssertionError("the last try returned or raised")


def _blocks(stream: Any, progress: Progress) -> Iterator[bytes]:
    while block := stream.read(BLOCK_BYTES):
        yield block
        progress(len(block))


class _Memory:
    """Remembers the address of an unfinished upload between two calls of the program."""

    def __init__(self, *key: str) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        self.file = cache / "sinfonietta" / "uploads" / name

    @property
    def url(self) -> str:
        return self.file.read_text() if self.file.exists() else ""

    def remember(self, url: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(url)

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
