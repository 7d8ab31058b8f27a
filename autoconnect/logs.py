"""Structured logs on standard error, with the service, the job and the batch bound to each line."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor

from autoconnect.settings import Settings


def set_up_logs(service: str, settings: Settings) -> None:
    """Called once by each process, before it logs."""
    shape: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if settings.log_format == "console":
        # Other tracebacks than the plain one show variables, among them secrets.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        shape = [_escape, renderer]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shape,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def _escape(_logger: object, _level: str, event: EventDict) -> EventDict:
    """Escapes what is not printable: a name or a path from outside must not steer the terminal that shows it."""
    return {name: ascii(value)[1:-1] if _steers(value) else value for name, value in event.items()}


def _steers(value: object) -> bool:
    return isinstance(value, str) and not value.isprintable()
