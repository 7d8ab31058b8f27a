"""Imported once, by the server that forks all processes: so each is forked ready to serve.

A process that imports and loads all by itself needs a second of CPU to start, one that is forked some 20 ms: so several
can be killed each second.
"""

import gc

import tests.chaos.services
from worker.mapping import warm_up

__all__ = ["tests"]

warm_up("kernel")  # at the import, for want of another moment before the server forks
gc.freeze()
