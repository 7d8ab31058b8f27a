"""The API's process: settings, Redis, the server, the exit code."""

import signal
import sys

import structlog

from api.app import create_app
from api.listener import listening_sockets
from api.server import Server
from api.upload import remove_leftovers
from autoconnect.service import Stop, run_service
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def serve(settings: Settings, stop: Stop) -> None:
    """Serves until SIGTERM or SIGINT, which uvicorn handles itself."""
    # After an orderly end, uvicorn raises the signal again for the previous handler, which has nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    app = create_app(settings)
    remove_leftovers(settings.upload_dir)
    is_open = settings.open_without_key and not settings.api_keys
    _warn_of_open_doors(settings.host, settings.listen_host, is_open=is_open)
    Server(app, app.state.events.stop).run(listening_sockets(settings.listen_host, settings.port))


def _warn_of_open_doors(configured_host: str, host: str, *, is_open: bool) -> None:
    if host != configured_host:
        log.warning(
            "listening on this machine only, because no API_KEY is set", host=host, configured_host=configured_host
        )
    elif is_open:
        log.warning("any client can change things, because no API_KEY is set", host=host)


if __name__ == "__main__":
    sys.exit(run_service("api", serve))
