"""Routes to list, upload and delete sources."""

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from pydantic import AfterValidator

from api.access import NEEDS_KEY
from api.answers import Items, SourceInfo
from api.dependencies import Configured, SourceFolders
from api.problems import Problem
from api.upload import receive
from autoconnect.errors import SourceError, SourceNotFound
from autoconnect.models import API_PREFIX
from autoconnect.sources.local import SUFFIXES, Folders, Source, find_source
from autoconnect.sources.local import list_sources as all_sources

#: Bytes of a source name: file systems allow 255.
_MAX_NAME_BYTES = 200
_NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*\.([cC][sS][vV]|[tT][sS][vV]|[tT][xX][tT])$"

router = APIRouter(prefix="/sources", tags=["sources"])


def _check_name(name: str) -> str:
    if re.fullmatch(_NAME, name) is None:
        raise ValueError(f"{name!r} is not a source name; expected a file name that ends in {' or '.join(SUFFIXES)}")
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise ValueError(f"the name has {len(name.encode())} bytes; expected at most {_MAX_NAME_BYTES}")
    return name


Name = Annotated[
    str,
    Path(
        description=f"A file name that ends in {' or '.join(SUFFIXES)}.",
        examples=["june.csv"],
        json_schema_extra={"pattern": _NAME},
    ),
    AfterValidator(_check_name),
]
_CSV_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("")
def list_sources(folders: SourceFolders) -> Items[SourceInfo]:
    """All sources, by name."""
    return Items(items=[_info(source) for source in all_sources(folders)])


@router.put(
    "/{name}",
    status_code=201,
    dependencies=[NEEDS_KEY],
    responses={200: {"model": SourceInfo, "description": "The upload replaced a source."}},
    openapi_extra=_CSV_BODY,
)
async def put_source(request: Request, response: Response, settings: Configured, name: Name) -> SourceInfo:
    """Uploads a source, which appears under its name when it is complete: 201 if it is new, 200 if it replaces one."""
    received = await receive(request, settings.upload_dir / name, settings.max_upload_bytes)
    if received.replaced:
        response.status_code = 200
    response.headers["Location"] = f"{API_PREFIX}/sources/{quote(name)}"
    return _info(received.source)


@router.delete("/{name}", status_code=204, dependencies=[NEEDS_KEY])
def delete_source(folders: SourceFolders, name: Name) -> None:
    """Deletes an uploaded source."""
    source = _find(name, folders)
    if not source.uploaded:
        raise Problem(409, f"{name} is in the data folder, which is read-only; only uploaded sources can be deleted.")
    (folders.uploads / name).unlink(missing_ok=True)


def _find(name: str, folders: Folders) -> Source:
    try:
        return find_source(name, folders)
    except SourceNotFound as error:
        raise Problem(404, str(error)) from None
    except SourceError as error:
        raise Problem(422, str(error)) from None


def _info(source: Source) -> SourceInfo:
    modified = datetime.fromtimestamp(source.mtime_ns / 1e9, UTC)
    return SourceInfo(name=source.name, bytes=source.size, modified_at=modified, uploaded=source.uploaded)
