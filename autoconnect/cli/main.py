"""The entry point of `autoconnect`.

It prints an error as one sentence. Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 interrupted.
"""

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn

from autoconnect.errors import AutoConnectError, SettingsError


def main() -> None:
    """Runs the command in `sys.argv`, and exits with its code."""
    # While modules load, there is nothing to take down, and Python may lose a KeyboardInterrupt.
    _handle_interrupts(lambda number, frame: os._exit(130))
    import_module("autoconnect.cli.commands")

    try:
        _handle_interrupts(signal.default_int_handler)
        code = run_command(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        _exit_interrupted()
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        code = _fail(_sentence(error), 1, as_json=False)
    sys.exit(code)


def _handle_interrupts(handler: Callable[[int, FrameType | None], object]) -> None:
    """Both Ctrl-C and kill take a stack down, even if a shell has started this process with SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _exit_interrupted() -> NoReturn:
    """Exits with 130, without a last step of Python's: it may end the process by SIGINT, although that was caught.

    It does so if the interrupt came in an `exec` of a string, which many imports call, for instance of dataclasses.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(130)


def run_command(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code; prints an error as one sentence."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not have every letter of a name
    as_json = "--json" in arguments
    from typer import Exit, TyperException  # imported here, because `main` first handles interrupts

    from autoconnect.cli.commands import app

    try:
        return app(arguments, prog_name="autoconnect", standalone_mode=False) or 0
    except Exit as end:
        return end.exit_code
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        return _fail(message or "No command was given; --help lists the commands.", 2, as_json)
    except AutoConnectError as error:
        return _fail(str(error), 2 if isinstance(error, SettingsError) else 1, as_json)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(_sentence(error), 1, as_json)


def _sentence(error: OSError) -> str:
    return f"{error.filename or 'output'}: {error.strerror or error}"


def _fail(message: str, code: int, as_json: bool) -> int:
    """Prints an error, with --json also as a JSON object, and returns the exit code."""
    from autoconnect.logs import say  # imported here, because `main` first handles interrupts

    sentence = " ".join(message.split())
    say(f"autoconnect: {sentence}")
    if as_json:
        sys.stdout.write(json.dumps({"error": sentence}) + "\n")
    return code


if __name__ == "__main__":
    main()
