"""The tables that connect rooms: a lower room learns of a higher one only through them.

Dotted paths, imported on first use.
"""

from __future__ import annotations

INSPECTORS = ["sinfonietta.dicom.inspect.inspect"]
"""Run before filing, in this order; each returns a verdict (``ingest.hooks.Inspector``)."""

INDEXERS = ["sinfonietta.dicom.index.indexer.DicomIndexer", "sinfonietta.dicom.radiation.indexer.DoseIndexer"]
"""Run in the transaction that files, hides or shows files (``library.hooks.Indexer``)."""

ANNOUNCEMENTS: list[str] = []
"""Told after the commit (``ingest.hooks.Announcement``)."""

USER_CREATED = ["sinfonietta.library.services.make_home"]
"""Called in the transaction that makes an account."""

GRANTED = ["sinfonietta.notices.events.shared"]
"""Called in the transaction that gives rights to who had none (``library.hooks.granted``)."""

JOB_ENDED = ["sinfonietta.notices.events.job_ended"]
"""Called in the transaction that writes how a job ended."""

NOTICED_JOBS = [
    "library.copy",
    "archives.unpack",
    "dicom.export",
    "dicom.send",
    "dicom.fetch",
    "dicom.mirror",
    "dicom.reindex",
]
"""Kinds of jobs whose end is told to who asked for them; others are parts of a page that shows it anyhow."""

JOB_KINDS = {
    "archives.forget": "sinfonietta.archives.tasks.forget",
    "archives.read": "sinfonietta.archives.tasks.read",
    "archives.unpack": "sinfonietta.archives.tasks.unpack",
    "blobs.collect": "sinfonietta.blobs.tasks.collect",
    "blobs.strays": "sinfonietta.blobs.tasks.strays",
    "dicom.reindex": "sinfonietta.dicom.index.reindex.run",
    "ingest.expire": "sinfonietta.ingest.tasks.expire",
    "library.purge": "sinfonietta.library.tasks.purge",
    "library.copy": "sinfonietta.library.tasks.copy",
    "dicom.send": "sinfonietta.dicom.peers.tasks.send",
    "dicom.fetch": "sinfonietta.dicom.peers.tasks.fetch",
    "dicom.mirror": "sinfonietta.dicom.peers.tasks.mirror",
    "dicom.commit": "sinfonietta.dicom.peers.tasks.commit",
    "dicom.mirrors": "sinfonietta.dicom.peers.tasks.mirror_due",
    "accounts.forget": "sinfonietta.accounts.tasks.forget",
    "jobs.forget": "sinfonietta.jobs.tasks.forget",
    "dicom.dose": "sinfonietta.dicom.radiation.tasks.read",
    "dicom.histograms": "sinfonietta.dicom.tasks.compute_histograms",
    "dicom.export": "sinfonietta.dicom.exports.tasks.run",
    "dicom.forget": "sinfonietta.dicom.tasks.forget_histograms",
    "notices.mail": "sinfonietta.notices.tasks.mail",
    "notices.forget": "sinfonietta.notices.tasks.forget",
    "previews.convert": "sinfonietta.previews.office.convert",
    "previews.forget": "sinfonietta.previews.office.forget",
    "jobs.statistics": "sinfonietta.jobs.tasks.statistics",
    "search.read": "sinfonietta.search.tasks.read",
    "search.reindex": "sinfonietta.search.tasks.reindex",
}
"""Name of a kind of job -> its handler (``jobs.runner.Handler``)."""

SCHEDULES = {
    "collect garbage": ("blobs.collect", 3600),
    "remove strays": ("blobs.strays", 86400),
    "expire uploads": ("ingest.expire", 600),
    "empty trash": ("library.purge", 3600),
    "forget attempts": ("accounts.forget", 3600),
    "forget archives": ("archives.forget", 3600),
    "forget old jobs": ("jobs.forget", 86400),
    "mirror DICOM nodes": ("dicom.mirrors", 300),
    "forget histograms": ("dicom.forget", 86400),
    "read texts": ("search.read", 600),
    "mail notices": ("notices.mail", 900),
    "forget notices": ("notices.forget", 86400),
    "forget previews": ("previews.forget", 86400),
    "renew statistics": ("jobs.statistics", 3600),
}
"""Name -> (kind, period in seconds)."""
