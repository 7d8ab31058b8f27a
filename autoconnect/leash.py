"""Runs a command that ends when its parent does, even where the parent is killed: leash.py PARENT COMMAND...

A script of its own and not a `preexec_fn`, which is not safe beside threads. On Linux the kernel keeps the leash
(prctl's PR_SET_PDEATHSIG survives exec); elsewhere there is none.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Becomes the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit(1)  # it ended before the leash was on
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
