"""Structured logs and plain lines on standard error.

Each log line names its service and, if there is one, its job and batch. No text from outside controls the terminal that
shows it: everything that a user sees passes `printable`.
"""

import logging
import sys
import threading
import unicodedata
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def printable(text: str) -> str:
    """The text with escapes for all characters that would control a terminal or hide in it.

    These are the characters that Python calls unprintable, such as control and bidirectional characters, except spaces.
    """
    if text.isprintable():
        return text
    return "".join(char if _shows_as_itself(char) else ascii(char)[1:-1] for char in text)


def say(line: str) -> None:
    """Print a line for people on standard error."""
    sys.stderr.write(f"{printable(line)}\n")


def set_up_logs(service: str, log_level: str, log_format: str) -> None:
    """Configure the logs of this process; call it before the first line.

    `log_level` and `log_format` have the values of the settings of these names.
    """

    def add_service(_logger: object, _level: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    rendering: list[Processor] = [structlog.processors.JSONRenderer()]
    if log_format != "json":
        # Only plain tracebacks leave out variables, which may hold secrets.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        rendering = [_escape, renderer]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_service,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_everything_else() -> None:
    """Log what libraries and Python itself would print: their messages, warnings and uncaught exceptions."""
    # Below INFO, libraries such as Numba describe each of their steps.
    logging.basicConfig(handlers=[_Forwarder(logging.INFO)], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


class _Forwarder(logging.Handler):
    """Hands messages of libraries to our log."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # libraries may have levels of their own
        log.log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    log.critical("uncaught exception", exc_info=(kind, error, traceback))


def _escape(_logger: object, _level: str, event: EventDict) -> EventDict:
    """Escape unprintable text in all fields; a traceback keeps its lines."""
    lines = {"exception": "\n".join(map(printable, event["exception"].split("\n")))} if "exception" in event else {}
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()} | lines


def _shows_as_itself(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"
