"""Office documents as PDF: LibreOffice in a job, confined, its result kept by content."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import JobContext
from sinfonietta.previews import cache, shown

KIND = "previews.convert"
PLACES = ("/usr/lib/libreoffice/program/soffice", "/opt/libreoffice/program/soffice")
SECONDS = 120.0
MOST_BYTES = 256 << 20
MEMORY_BYTES = 4 << 30
STEP_S = 0.5
NO_MACROS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution" oor:op="fuse">
<value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks"
 oor:op="fuse"><value>true</value></prop></item>
</oor:items>
"""


def program() -> str | None:
    """LibreOffice of this machine."""
    return shutil.which("soffice") or next((place for place in PLACES if Path(place).exists()), None)


def known(source: shown.Source) -> cache.Shown | None:
    """The PDF where it has been made. Raises Invalid with the reason why it cannot be made."""
    found = cache.get(_key(source))
    return shown.accepted(found) if found else None


def ask(*, actor: Actor, uid: UUID, source: shown.Source) -> Job:
    """The actor's job that makes it: the one that is under way, or a new one. Raises Invalid."""
    if source.size_bytes > MOST_BYTES:
        raise Invalid(f"The document is larger than {MOST_BYTES >> 20} MiB; download it to open it.")
    if program() is None:
        raise Invalid("This site has no LibreOffice, which shows office documents; download it to open it.")
    under_way = Job.objects.filter(
        owner=actor.uid, kind=KIND, payload__file=str(uid), state__in=[Job.State.QUEUED, Job.State.RUNNING]
    )
    return under_way.first() or jobs.enqueue(actor=actor, kind=KIND, payload={"file": str(uid)})


def _key(source: shown.Source) -> str:
    return cache.key_of(source.sha256, "office", source.name, {})


def convert(context: JobContext) -> dict[str, int]:
    """The job: a document as PDF, with the rights of who asked; a refusal is kept like a result."""
    source = shown.of_file(actor=context.actor, uid=UUID(context.payload["file"]))
    if "office" not in source.kinds:
        raise Invalid("That is no office document.")
    found = cache.get(_key(source))
    if found is None:
        context.progress(0.1, "LibreOffice is making a PDF of it")
        try:
            found = cache.put(_key(source), {"from": source.name}, as_pdf(source, context.check))
        except Invalid as problem:
            cache.put(_key(source), {shown.REFUSED: str(problem)})
            raise
    return {"bytes": found.body.stat().st_size}


def as_pdf(source: shown.Source, check: Callable[[], None]) -> bytes:
    """The PDF that LibreOffice makes; ``check`` is called meanwhile and may raise. Raises Invalid."""
    with tempfile.TemporaryDirectory(prefix="office-") as place:
        folder = Path(place)
        profile = folder / "profile" / "user"
        profile.mkdir(parents=True)
        (profile / "registrymodifications.xcu").write_text(NO_MACROS)
        given = folder / f"document{Path(source.name.lower()).suffix}"
        shutil.copyfile(source.path, given)
        _run(folder, given, check)
        made = folder / "out" / "document.pdf"
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF-"):
            raise Invalid("LibreOffice cannot read it: it is damaged, locked with a password, or another format.")
        return made.read_bytes()


def _run(folder: Path, given: Path, check: Callable[[], None]) -> None:
    """LibreOffice, its time and memory bounded, without network where the system lets us."""
    command = [
        *_alone(), program() or "soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless",
        "--norestore", "--convert-to", "pdf", "--outdir", f"{folder}/out", str(given),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, env={"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=_bounded,  # noqa: PLW1509 - only system calls
    )  # fmt: skip
    waited = 0.0
    try:
        while True:
            try:
                process.wait(STEP_S)
                return
            except subprocess.TimeoutExpired:
                waited += STEP_S
            check()
            if waited >= SECONDS:
                raise Invalid(f"LibreOffice was not done with it in {SECONDS:g} seconds.")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _alone() -> list[str]:
    """What cuts a program off the network."""
    for way in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            return way
    return []


def forget(context: JobContext) -> dict[str, int]:
    """The schedule's job: forgets previews that nobody looks at."""
    return {"files": cache.forget()}
