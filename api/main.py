"""The API's process: settings, Redis, the server, the exit code."""

import signal
import sys

import uvicorn

from api.app import create_app
from autoconnect.service import Stop, run_service
from autoconnect.settings import Settings


def serve(settings: Settings, stop: Stop) -> None:
    """Serves until asked to stop, which uvicorn sees to by itself."""
    # Once it has ended in order, uvicorn raises the signal again for whoever handled it before: nobody needs to.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    app = create_app(settings)
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    sys.exit(run_service("api", serve))
