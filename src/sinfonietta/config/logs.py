"""Structured logs on stderr: request ids, no query strings, no tokens, no values of patients."""

from __future__ import annotations

import logging
import logging.config

import structlog

from sinfonietta.config.options import Options

SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure(options: Options) -> None:
    """Send everything, ours and the libraries', through one formatter."""
    renderer: structlog.types.Processor
    if options.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
        # Tracebacks without the values of local variables: they may hold a patient.
        exceptions: structlog.types.Processor = structlog.processors.format_exc_info
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False)
        exceptions = structlog.processors.format_exc_info
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
