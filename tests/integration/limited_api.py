"""The API as a process that may use a number of bytes of memory, and is patient with slow clients for some seconds."""

import sys

from api import streams
from api.app import create_app
from api.listener import listening_sockets
from api.server import Server
from autoconnect.settings import load_settings

if __name__ == "__main__":
    memory_bytes, patience_s, least_bytes_per_s = sys.argv[1:]
    streams._PATIENCE_S = float(patience_s)
    streams._LEAST_BYTES_PER_S = int(least_bytes_per_s)
    settings = load_settings()
    Server(create_app(settings, int(memory_bytes))).run(listening_sockets(settings.host, settings.port))
