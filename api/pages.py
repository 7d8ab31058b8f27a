"""Serves Swagger UI and ReDoc from local files, not from a CDN, so that they work without internet access."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from api.gate import CONTENT_POLICY

_STATIC = "/static/docs"
_FILES = Path(fastapi_offline.__file__).parent / "static"
#: The only file that ReDoc would load from elsewhere.
_REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
#: Both libraries write style attributes, and ReDoc runs its search in a worker made from a blob.
_DOCS_POLICY = f"{CONTENT_POLICY}; worker-src blob:".replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AutoConnect API</title>
<link rel="icon" href="{_STATIC}/favicon.png">
{{head}}
</head>
<body>
{{body}}
</body>
</html>
"""
_SWAGGER_UI = _PAGE.format(
    head=f'<link rel="stylesheet" href="{_STATIC}/swagger-ui.css">',
    body=f"""<div id="swagger-ui"></div>
<script src="{_STATIC}/swagger-ui-bundle.js"></script>
<script src="{_STATIC}/swagger-ui-start.js"></script>""",
)
#: In a file of its own, because inline scripts are blocked.
_SWAGGER_UI_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
_REDOC = _PAGE.format(
    head="<style>body { margin: 0; padding: 0; }</style>",
    body=f"""<redoc spec-url="/openapi.json"></redoc>
<script src="{_STATIC}/redoc.js"></script>""",
)


def install(app: FastAPI) -> None:
    """Adds /docs, /redoc and the files that they load."""
    redoc_script = (_FILES / "redoc.standalone.js").read_text().replace(_REDOC_LOGO, f"{_STATIC}/favicon.png")

    @app.get(f"{_STATIC}/redoc.js", include_in_schema=False)
    def redoc_js() -> Response:
        return Response(redoc_script, media_type="text/javascript")

    @app.get(f"{_STATIC}/swagger-ui-start.js", include_in_schema=False)
    def swagger_ui_start_js() -> Response:
        return Response(_SWAGGER_UI_START, media_type="text/javascript")

    app.mount(_STATIC, StaticFiles(directory=_FILES), name="docs-files")

    @app.get("/docs", include_in_schema=False)
    def swagger_ui() -> HTMLResponse:
        return HTMLResponse(_SWAGGER_UI, headers={"Content-Security-Policy": _DOCS_POLICY})

    @app.get("/redoc", include_in_schema=False)
    def redoc() -> HTMLResponse:
        return HTMLResponse(_REDOC, headers={"Content-Security-Policy": _DOCS_POLICY})
