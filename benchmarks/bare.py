"""The least that a FastAPI endpoint can do: it answers with the same bytes always.

As `python -m benchmarks.bare PORT FILE` it serves the bytes of a file as JSON at `/`, by our API's server and settings.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response


def create_app(body: bytes) -> FastAPI:
    """The app."""
    app = FastAPI()

    @app.get("/")
    async def answer() -> Response:
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    app = create_app(Path(sys.argv[2]).read_bytes())
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
