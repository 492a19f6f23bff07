"""Background work on archives."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.archives import index
from sinfonietta.archives.limits import Budget, Limits
from sinfonietta.archives.models import Unpacking
from sinfonietta.archives.queries import local
from sinfonietta.archives.report import Report
from sinfonietta.archives.secrets import unsealed
from sinfonietta.archives.unpacking import Unpacker
from sinfonietta.audit import services as audit
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Invalid, Problem
from sinfonietta.jobs.errors import Cancelled, LostLease, Stopping
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import JobContext
from sinfonietta.library import access, services
from sinfonietta.library import queries as library
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Level, Version
from sinfonietta.library.services.copying import free_name

KEPT_S = 30 * 86400
"""An index that nobody has looked at for so long is made again when somebody does."""


def read(context: JobContext) -> dict[str, Any]:
    """Make the index of an archive that takes long to read."""
    version = _version(context, context.actor)
    if not index.exists(version.blob.sha256):
        index.build(version.blob.sha256, local(version.blob), lambda at: context.progress(at, "Reading the archive"))
    with index.opened(version.blob.sha256) as found:
        return {"entries": found.about().entries}


def _version(context: JobContext, actor: Actor) -> Version:
    return library.version(actor=actor, uid=UUID(context.payload["file"]), number=context.payload["version"])


def unpack(context: JobContext) -> dict[str, Any]:
    """Unpack an archive into a folder, going on behind what an earlier attempt has done."""
    state = Unpacking.objects.filter(job=context.job.uid).first()
    if state is None:
        raise Invalid("What this job needs to go on is not kept any more; ask for it again.")
    try:
        result = _unpack(context, state)
    except (LostLease, Stopping):
        raise  # it goes on, here or elsewhere
    except (Problem, Cancelled):
        state.delete()
        raise
    except Exception:
        if context.job.attempts >= context.job.max_attempts:
            state.delete()
        raise
    state.delete()
    return result


def _unpack(context: JobContext, state: Unpacking) -> dict[str, Any]:
    try:
        password = unsealed(bytes(state.secret), state.job)
    except ValueError as error:
        raise Invalid("The site's key has changed meanwhile: ask for it again, with the password.") from error
    ways = _Ways(context, state)
    version = _version(context, ways.actor())
    target = state.target or _begin(context, state)
    report = Report(**state.report)
    unpacker = Unpacker(ways, target, Budget(Limits.of_site()), password, context.payload["nested"], report, state.done)
    unpacker.run(local(version.blob))
    node = access.find(context.actor, target)
    with writing():
        audit.record(
            actor=context.actor, action="archive.unpacked", target=version.node.uid, into=str(node.uid),
            files=report.files, skipped=report.skipped_count,
        )  # fmt: skip
    return {"node": str(target), **report.as_dict()}


def _begin(context: JobContext, state: Unpacking) -> UUID:
    """The target: the place itself, or a new folder in it, made in the transaction that remembers it."""
    parent, name = UUID(context.payload["parent"]), context.payload["folder"]
    with context.transaction(), writing():
        place = access.locked(context.actor, parent, Level.WRITE)
        if name:
            place = services.create_folder(actor=context.actor, parent=parent, name=free_name(place, name))
        state.target = place.uid
        state.save(update_fields=["target"])
    return place.uid


class _Ways:
    """The job, as the unpacking sees it."""

    def __init__(self, context: JobContext, state: Unpacking) -> None:
        self._context, self._state, self._at = context, state, 0.0

    def actor(self) -> Actor:
        """The account as it is now. Raises NotFound, Forbidden where the archive is not theirs to read any more."""
        was = self._context.actor
        assert was.uid is not None
        actor = accounts.actor_by_uid(was.uid, Scope(was.scope), was.origin)
        _version(self._context, actor)
        return actor

    def progress(self, fraction: float, report: Report) -> None:
        """Said now and then; a negative fraction leaves it as it was. Raises as ``JobContext.check``."""
        self._at = max(self._at, fraction)
        self._context.progress(min(self._at, 0.99), f"{report.files:,} files unpacked")

    def remember(self, done: int, report: Report) -> None:
        """Written by the holder of the job alone. Raises as ``JobContext.check``."""
        with self._context.transaction():
            Unpacking.objects.filter(job=self._state.job).update(done=done, report=report.as_dict())
        self._context.check()


def forget(context: JobContext) -> dict[str, int]:
    """Forget indexes that nobody looks at or whose archive is gone, and what was kept for jobs that have ended."""
    ended = Job.objects.exclude(state__in=[Job.State.QUEUED, Job.State.RUNNING]).values("uid")
    states = Unpacking.objects.filter(job__in=ended).delete()[0]
    indexes = 0
    oldest = time.time() - KEPT_S
    for path in index.folder().iterdir() if index.folder().is_dir() else ():
        is_draft = path.suffix == ".new"
        age_from = path.stat().st_mtime if path.exists() else 0.0
        gone = not is_draft and not Blob.objects.filter(sha256=path.name.partition(".")[0]).exists()
        if gone or age_from < (time.time() - 86400 if is_draft else oldest):
            path.unlink(missing_ok=True)
            indexes += 1
    return {"states": states, "indexes": indexes}
