"""Structured logs on standard error; each line names its service and, if there is one, its job and batch."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor


def set_up_logs(service: str, log_level: str, log_format: str) -> None:
    """Configure the logs of this process; call it once, before the first line.

    `log_level` and `log_format` have the values of the settings of these names.
    """
    rendering: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if log_format == "console":
        # Only plain tracebacks leave out variables, which may hold secrets.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        rendering = [_escape, renderer]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def _escape(_logger: object, _level: str, event: EventDict) -> EventDict:
    """Escape unprintable text: a name or a path from outside must not control the terminal that shows it."""
    return {name: ascii(value)[1:-1] if _is_unprintable(value) else value for name, value in event.items()}


def _is_unprintable(value: object) -> bool:
    return isinstance(value, str) and not value.isprintable()
