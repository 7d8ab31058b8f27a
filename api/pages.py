"""Serves Swagger UI and ReDoc from local files, not from a CDN, so that they work without internet access."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from api.gate import CONTENT_POLICY

_STATIC = "/static/docs"
#: The pages, and what starts the two libraries.
_PAGES = Path(__file__).parent / "static" / "docs"
#: The libraries themselves.
_LIBRARIES = Path(fastapi_offline.__file__).parent / "static"
#: The only file that ReDoc would load from elsewhere.
_REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
#: ReDoc writes style elements, and runs its search in a worker made from a blob.
_REDOC_POLICY = f"{CONTENT_POLICY}; worker-src blob:".replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


def install(app: FastAPI) -> None:
    """Adds /docs, /redoc and the files that they load."""
    redoc_script = (_LIBRARIES / "redoc.standalone.js").read_text().replace(_REDOC_LOGO, f".{_STATIC}/favicon.png")

    @app.get(f"{_STATIC}/redoc.js", include_in_schema=False)
    def redoc_js() -> Response:
        return Response(redoc_script, media_type="text/javascript")

    files = StaticFiles(directory=_PAGES, packages=[(fastapi_offline.__name__, "static")])
    app.mount(_STATIC, files, name="docs-files")

    @app.get("/docs", include_in_schema=False)
    def swagger_ui() -> FileResponse:
        return FileResponse(_PAGES / "swagger.html")

    @app.get("/redoc", include_in_schema=False)
    def redoc() -> FileResponse:
        return FileResponse(_PAGES / "redoc.html", headers={"Content-Security-Policy": _REDOC_POLICY})
