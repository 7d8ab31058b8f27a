"""Serves the dashboard: its pages, and the files that they load under a name that changes with their content."""

import gzip
import hashlib
import posixpath
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.encoding import accepts_gzip, zipped

_FOLDER = Path(__file__).parent / "static" / "dashboard"
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
#: The script that draws charts, which is not in the folder.
_LIBRARY = "vega.js"
#: The package that it comes from, whose version settles its content.
_DRAWS = "vl-convert-python"
#: The pages by path; each has a module and a style sheet of its name.
PAGES = {"/": "results", "/jobs": "jobs", "/system": "system"}
#: Loads a module before another one needs it.
_LINK = Template('<link rel="modulepreload" href="$files/$module">')
#: Where a module names another one that it needs.
_IMPORT = re.compile(rb'^import .*?from "([^"]+)"', re.MULTILINE | re.DOTALL)
#: A file never changes under its name.
_FOREVER = "public, max-age=31536000, immutable"


def install(app: FastAPI) -> None:
    """Adds the pages and their files."""
    files = {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in _paths()}
    digest = _digest(files)
    served = {name: (zipped(content), _TYPES[Path(name).suffix]) for name, content in files.items()}
    template = Template((_FOLDER / "page.html").read_text("utf-8"))
    for path, name in PAGES.items():
        folder = f"static/dashboard/{digest}"
        links = "\n".join(_LINK.substitute(files=folder, module=each) for each in _modules(files, f"pages/{name}.js"))
        _add_page(app, path, template.substitute(page=name, files=folder, modules=links).encode())

    @app.get(f"/static/dashboard/{digest}/{{name:path}}", include_in_schema=False)
    async def dashboard_file(request: Request, name: str) -> Response:
        if name == _LIBRARY:
            return _compressed(request, await app.state.drawing_library.gzipped(), _TYPES[".js"])
        if name not in served:
            raise HTTPException(404)
        return _compressed(request, *served[name])


def _add_page(app: FastAPI, path: str, page: bytes) -> None:
    async def dashboard_page() -> Response:
        app.state.drawing_library.start()
        return Response(page, media_type="text/html", headers={"Cache-Control": "no-cache"})

    app.add_api_route(path, dashboard_page, include_in_schema=False)


def _modules(files: Mapping[str, bytes], module: str) -> list[str]:
    """A module and all that it needs, directly or through others: a browser can load them at once."""
    found = [module]
    for each in found:
        for target in _IMPORT.findall(files[each]):
            name = posixpath.normpath(posixpath.join(posixpath.dirname(each), target.decode()))
            if name not in found:
                found.append(name)
    return found


def _paths() -> list[Path]:
    return sorted(path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256(version(_DRAWS).encode())
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def _compressed(request: Request, content: bytes, media_type: str) -> Response:
    headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
    if not accepts_gzip(request.headers.get("accept-encoding", "").encode("latin-1")):
        return Response(gzip.decompress(content), media_type=media_type, headers=headers)
    return Response(content, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
