"""Structured logs on stderr: request ids, no query strings, no tokens, no values of patients."""

from __future__ import annotations

import logging
import logging.config
import os
import traceback

import structlog
from structlog.typing import ExcInfo

from sinfonietta.config.options import Options

SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def trace(exc_info: ExcInfo) -> str:
    """A traceback of where and which: code has no secrets, but what an exception says may hold a patient or a name."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines[:0] = [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}{_reason(error)}\n"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "Traceback, innermost cause first:\n" + "".join(lines).rstrip()


def _reason(error: BaseException) -> str:
    """The words that an error brings from a closed list: those of the operating system, and of a database away."""
    if isinstance(error, OSError) and error.errno:
        return f": {os.strerror(error.errno)}"
    if type(error).__name__ in ("OperationalError", "InterfaceError"):
        return ": " + str(error).partition("\n")[0]
    return ""


def configure(options: Options) -> None:
    """Send everything, ours and the libraries', through one formatter."""
    is_json = options.log_format == "json"
    renderer = structlog.processors.JSONRenderer() if is_json else structlog.dev.ConsoleRenderer(colors=False)
    exceptions = structlog.processors.ExceptionRenderer(trace)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, exceptions, renderer],
                    "foreign_pre_chain": SHARED,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": options.log_level},
            # These repeat what our own request log says, or say values that we do not want in logs.
            "loggers": {
                "django.request": {"level": "CRITICAL"},
                "django.security": {"level": "ERROR"},
                "pydicom": {"level": "CRITICAL"},
                "PIL": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
