"""Compile what the worker runs before its first start: `python -m worker.warm`, the last step of an installation."""

from autoconnect.mapping import warm_up

if __name__ == "__main__":
    warm_up("kernel")
