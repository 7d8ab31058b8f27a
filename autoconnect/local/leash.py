"""Runs a command that ends when its parent does, even if the parent is killed: leash.py PARENT COMMAND...

This is a script because a `preexec_fn` is not safe in a process with threads. On Linux the kernel holds the leash
(prctl's PR_SET_PDEATHSIG survives exec); other systems have none.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process by the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit(1)  # the parent ended before the leash was on
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
