"""The API as a process that waits for a picture for some seconds only."""

import sys

from api.app import create_app
from api.drawing import Drawing
from api.listener import listening_sockets
from api.server import Server
from autoconnect.settings import load_settings

if __name__ == "__main__":
    settings = load_settings()
    app = create_app(settings)
    app.state.drawing = Drawing(float(sys.argv[1]))
    Server(app).run(listening_sockets(settings.host, settings.port))
