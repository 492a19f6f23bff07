"""Prepare the OHIF viewer: fetch its pinned npm package, keep what we serve, move it under /viewer/.

OHIF is published as a ready web application for the root of a site. What is needed to serve it below /viewer/, and to
let it save beside what it shows, is six rewrites of text, done here once, so that the server only hands out files:

1. ``index.html``: addresses, and its inline scripts (they set the root) give way to our ``app-config.js``, so that
   the viewer's content security policy allows no inline script;
2. ``*.js``: where webpack looks for further chunks;
3. ``app.bundle.css``: addresses of fonts;
4. the client of DICOMweb stores at ``beside/studies`` below its root: OHIF gives it no address of its own for that;
5. what is saved is shown once it is stored, not as if it were when the server refused it;
6. ``app-config.js`` is ours (``src/sinfonietta/interfaces/viewer/app-config.js``).

Left out: ``ort/`` (an ONNX runtime for a tool that fetches its model from a foreign site; 142 MB), OHIF's examples
of customization, and source maps.
Files that shrink are kept as ``NAME.gz`` only; the viewer's views know both forms.

Standard library only: this runs before anything is installed, and while a wheel is built.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

PACKAGE = "@ohif/app@3.13.2"
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
PREFIX = "/viewer/"
INSIDE = "package/dist/"
LICENCE = "package/LICENSE"
# Not served: a web server's own settings, a foreign service worker, sign-in helpers and polyfills that nothing loads.
LEFT_OUT = {
    "_headers",
    "_redirects",
    "serve.json",
    "app-config.js",
    "manifest.json",
    "google.js",
    "init-service-worker.js",
    "oidc-client.min.js",
    "silent-refresh.html",
    "es6-shim.min.js",
    "polyfill.min.js",
}
LEFT_OUT_FOLDERS = {"ort", "customizations"}
COMPRESSED = {".js", ".css", ".html", ".json", ".jsonc", ".svg", ".wasm", ".ico", ".xml"}
WEBPACK_ROOT = '__webpack_require__.p = "/"'
FILES_WITH_WEBPACK_ROOT = 8
STORING_CLIENT = "url: dicomWebConfig.wadoRoot,"
SHOWS = "        src/* .DicomMetadataStore.addInstances */.H8.addInstances(instances, true);\n"
STORES = """        for (const instance of instances) {
          await resolvedDataSource.store.dicom(instance, null, dicomDict);
        }
"""
STORES_BESIDE = f'{STORING_CLIENT} stowURLPrefix: "beside",'


class ViewerError(Exception):
    """The package is not what we expect; the message says in what."""


def prepare(destination: Path, npm: list[str]) -> None:
    """Put the viewer into ``destination``, whole or not at all; ``npm`` is the command that runs npm.

    Raises ViewerError when the package's hash or its texts are not those of the pinned version, and
    CalledProcessError when npm cannot fetch it.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".viewer-") as folder:
        work = Path(folder)
        archive = _fetch(work, npm)
        unpacked = work / "viewer"
        _unpack(archive, unpacked)
        _rewrite(unpacked)
        _compress(unpacked)
        unpacked.chmod(0o755)
        shutil.rmtree(destination, ignore_errors=True)
        unpacked.rename(destination)


def _fetch(work: Path, npm: list[str]) -> Path:
    # Without a version npm takes the newest that says it runs under this Node, which is an older one.
    subprocess.run([*npm, "pack", PACKAGE, "--silent"], cwd=work, check=True, stdout=subprocess.DEVNULL)
    (archive,) = work.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if not hmac.compare_digest(found, INTEGRITY):
        raise ViewerError(f"{PACKAGE} has the hash {found}, not {INTEGRITY}")
    return archive


def _wanted(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    for member in archive:
        if member.name == LICENCE:
            yield member, PurePosixPath("LICENSE")
            continue
        if not member.isfile() or not member.name.startswith(INSIDE):
            continue
        path = PurePosixPath(member.name.removeprefix(INSIDE))
        if ".." in path.parts or path.parts[0] in LEFT_OUT_FOLDERS or path.name in LEFT_OUT or path.suffix == ".map":
            continue
        yield member, path


def _unpack(source: Path, target: Path) -> None:
    with tarfile.open(source) as archive:
        for member, path in _wanted(archive):
            stream = archive.extractfile(member)
            if stream is None:
                raise ViewerError(f"{member.name} cannot be read")
            destination = target / path
            destination.parent.mkdir(parents=True, exist_ok=True)
            with stream, destination.open("wb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)


def _rewrite(folder: Path) -> None:
    index = folder / "index.html"
    index.write_text(rewrite_index(index.read_text("utf-8")), "utf-8")
    styles = folder / "app.bundle.css"
    styles.write_text(styles.read_text("utf-8").replace("url(/", f"url({PREFIX}"), "utf-8")
    _replace(folder, WEBPACK_ROOT, f'__webpack_require__.p = "{PREFIX}"', FILES_WITH_WEBPACK_ROOT)
    _replace(folder, STORING_CLIENT, STORES_BESIDE, 1)
    _replace(folder, SHOWS + STORES, STORES + SHOWS, 1)


def _replace(folder: Path, old: str, new: str, expected: int) -> None:
    """Replace a text in the scripts. Raises ViewerError unless just so many of them have it."""
    changed = 0
    for file in folder.glob("*.js"):
        text = file.read_text("utf-8")
        if old in text:
            file.write_text(text.replace(old, new), "utf-8")
            changed += 1
    if changed != expected:
        raise ViewerError(f"{changed} scripts have {old}, not {expected}")


def rewrite_index(html: str) -> str:
    """OHIF's start page for a place below ``PREFIX``, with our configuration, notice and no inline script.

    Raises ViewerError when the page does not have the parts that are to be replaced.
    """
    html = re.sub(r'(href|src|content)="/(?!/)', rf'\1="{PREFIX}', html)
    replacements = (
        (r"<script>[^<]*window\.PUBLIC_URL=[^<]*</script>", "", 2),
        (rf'<script [^>]*src="{PREFIX}init-service-worker\.js"></script>', "", 1),
        (rf'<script [^>]*src="{PREFIX}app-config\.js"></script>', f'<script src="{PREFIX}app-config.js"></script>', 1),
        # Browsers ask for it without the cookie, and nobody installs the viewer as an application.
        (r'<link rel="manifest"[^>]*>', "", 1),
        (r"<title>[^<]*</title>", "<title>Viewer</title>", 1),
        (r"</head>", f'<link href="{PREFIX}notice.css" rel="stylesheet"></head>', 1),
        (r"</body>", '<p id="research-only" role="note">Research only. Not a medical device.</p></body>', 1),
    )
    for pattern, new, expected in replacements:
        html, count = re.subn(pattern, new, html)
        if count != expected:
            raise ViewerError(f"index.html has {count} times {pattern}, not {expected}")
    if "<script>" in html:
        raise ViewerError("index.html still has an inline script")
    return html


def _compress(folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix in COMPRESSED]
    last = time.monotonic()
    with ThreadPoolExecutor() as pool:  # zlib lets other threads run while it works
        for done, _ in enumerate(pool.map(_compress_one, files), 1):
            if time.monotonic() - last > 2:
                last = time.monotonic()
                print(f"  compressed {done} of {len(files)} files", flush=True)


def _compress_one(file: Path) -> None:
    data = file.read_bytes()
    packed = gzip.compress(data, 9, mtime=0)
    if len(packed) < 0.9 * len(data):
        file.with_name(file.name + ".gz").write_bytes(packed)
        file.unlink()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: viewer.py DESTINATION NPM...")
    prepare(Path(sys.argv[1]), sys.argv[2:])
