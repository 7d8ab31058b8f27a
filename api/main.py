"""The API's process: settings, Redis, the server, the exit code."""

import signal
import sys

import structlog
import uvicorn

from api.app import create_app
from api.upload import remove_leftovers
from autoconnect.service import Stop, run_service
from autoconnect.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def serve(settings: Settings, stop: Stop) -> None:
    """Serves until asked to stop, which uvicorn sees to by itself."""
    # Once it has ended in order, uvicorn raises the signal again for whoever handled it before: nobody needs to.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    app = create_app(settings)
    remove_leftovers(settings.upload_dir)
    _warn_of_open_doors(settings)
    uvicorn.run(
        app,
        host=settings.listen_host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # else whoever calls from this machine could say any address to be theirs
    )


def _warn_of_open_doors(settings: Settings) -> None:
    if settings.listen_host != settings.host:
        log.warning(
            "only this machine is listened to, as no API_KEY is set", host=settings.listen_host, wanted=settings.host
        )
    elif settings.open_without_key and not settings.api_keys:
        log.warning("whoever reaches this address may change things, as no API_KEY is set", host=settings.host)


if __name__ == "__main__":
    sys.exit(run_service("api", serve))
