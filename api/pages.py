"""Swagger UI and ReDoc from files of our own: no CDN, so that they also work where there is no internet."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

_STATIC = "/static/docs"
_FILES = Path(fastapi_offline.__file__).parent / "static"
#: The one thing that ReDoc would fetch from elsewhere.
_REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"


def install(app: FastAPI) -> None:
    """Adds /docs, /redoc and the files that they load."""
    redoc_script = (_FILES / "redoc.standalone.js").read_text().replace(_REDOC_LOGO, f"{_STATIC}/favicon.png")

    @app.get(f"{_STATIC}/redoc.js", include_in_schema=False)
    def redoc_js() -> Response:
        return Response(redoc_script, media_type="text/javascript")

    app.mount(_STATIC, StaticFiles(directory=_FILES), name="docs-files")

    @app.get("/docs", include_in_schema=False)
    def swagger_ui() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="AutoConnect API",
            swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{_STATIC}/favicon.png",
            swagger_ui_parameters={"validatorUrl": None, "docExpansion": "list", "tryItOutEnabled": True},
        )

    @app.get("/redoc", include_in_schema=False)
    def redoc() -> HTMLResponse:
        return get_redoc_html(
            openapi_url="/openapi.json",
            title="AutoConnect API",
            redoc_js_url=f"{_STATIC}/redoc.js",
            redoc_favicon_url=f"{_STATIC}/favicon.png",
            with_google_fonts=False,
        )
