"""The entry point of `autoconnect`.

An error is one sentence; exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 interrupted.
"""

import signal
import sys

from autoconnect.errors import AutoConnectError, SettingsError


def main() -> None:
    """Runs the command that was given."""
    # A stack is taken down alike by Ctrl-C and by kill, and also where a shell has started this with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        from autoconnect.cli.commands import app  # here, because Ctrl-C may come while all this loads

        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except AutoConnectError as error:
        sys.stderr.write(f"autoconnect: {error}\n")
        sys.exit(2 if isinstance(error, SettingsError) else 1)
    except OSError as error:
        sys.stderr.write(f"autoconnect: {error.filename or 'output'}: {error.strerror}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
