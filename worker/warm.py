"""Compile the kernel before a worker first starts: `python -m worker.warm`, the last step of an installation."""

from autoconnect.mapping import warm_up

if __name__ == "__main__":
    warm_up("kernel")
