"""The least that a FastAPI endpoint can do: it always answers with the same bytes.

`python -m benchmarks.bare PORT FILE` serves the bytes of a file as JSON at `/`, on the server and with the settings of
AutoConnect's API.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response


def create_app(body: bytes) -> FastAPI:
    """A FastAPI app that answers `/` with a fixed body."""
    app = FastAPI()

    @app.get("/")
    async def answer() -> Response:
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    app = create_app(Path(sys.argv[2]).read_bytes())
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
