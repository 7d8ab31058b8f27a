"""Compiles what the worker runs, ahead of its first start: `python -m worker.warm`, the last step of installing it."""

from worker.mapping import warm_up

if __name__ == "__main__":
    warm_up("kernel")
