"""Imported once, by the server that forks all processes, so that each of them is ready to serve.

A process that imports and loads everything itself needs a second of CPU to start; a forked one needs some 20 ms, so
several can be killed each second.
"""

import gc

import tests.chaos.services
from autoconnect.mapping import warm_up

__all__ = ["tests"]

warm_up("kernel")  # on import: there is no later moment before the server forks
gc.freeze()
