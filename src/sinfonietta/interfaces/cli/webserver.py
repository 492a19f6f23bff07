"""gunicorn, set up for us: few processes, threads enough for slow clients, the kernel sends the files."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import get_resolver
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

GRACE_S = 25
MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files, which must not wait for a disk


class OurLogger(Logger):  # type: ignore[misc]
    """gunicorn's own lines go the way of all our logs; requests are logged by our middleware."""

    def setup(self, cfg: Any) -> None:
        """Leave the handlers to the root logger."""
        self.error_log.propagate = True

    def access(self, *args: Any) -> None:
        """Nothing: see ``interfaces.http.middleware.RequestLog``."""

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """As gunicorn says it, but not what stood in a request that it could not read."""
        if str(msg).startswith("Invalid request"):
            msg, args = "A request could not be read", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """The trace without the address that gunicorn puts before it: its path and query are private."""
        super().exception("A connection broke", **kwargs)


class WebServer(BaseApplication):  # type: ignore[misc]
    """The web server of one machine, at a socket that listens already."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        super().__init__()

    def load_config(self) -> None:
        """Our settings as gunicorn's."""
        options = settings.OPTIONS
        ours = {
            "bind": f"fd://{self.descriptor}",
            "worker_class": "sinfonietta.interfaces.cli.webworker.Worker",
            "workers": options.web_processes,
            "threads": options.web_threads,
            "preload_app": True,  # the processes share what is loaded
            "limit_request_line": 8190,
            "keepalive": 5,
            "timeout": 60,
            "graceful_timeout": GRACE_S,
            "forwarded_allow_ips": ",".join(options.trusted_proxies) or "127.0.0.1",
            "logger_class": OurLogger,
            "proc_name": "sinfonietta-web",
            "worker_tmp_dir": str(MEMORY) if MEMORY.is_dir() else None,
            "control_socket_disable": True,  # it would lie in the account's home, one for all servers
        }
        for name, value in ours.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application."""
        from sinfonietta.config.wsgi import application

        # Before the processes part: they share what it loads, and no first request waits for it.
        _ = get_resolver().url_patterns
        gc.collect()
        gc.freeze()  # the collector would write to what they share, and each would get a copy of its own
        return application
