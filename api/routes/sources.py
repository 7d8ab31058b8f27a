"""Routes to list, check, read, upload and delete sources."""

import re
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from api.access import NEEDS_KEY
from api.answers import Items, SourceInfo
from api.dependencies import ComputingAlone, Configured, SendingFiles, SourceFolders
from api.formats import Body
from api.problems import Problem
from api.source_files import MEDIA_TYPE
from api.upload import receive
from autoconnect.checking import check
from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.exports.json import FORMAT as JSON
from autoconnect.models import API_PREFIX, SourceCheck, check_source_name
from autoconnect.sources.local import SUFFIXES, Source, find_source, open_newest
from autoconnect.sources.local import list_sources as all_sources
from autoconnect.sources.names import composed, stored_path

#: Bytes of memory that a check needs at its peak: 14 MiB for a file of 5 MiB, whose sample is the largest (measured).
_CHECK_BYTES = 16 << 20
_SUFFIX = r"\.([cC][sS][vV]|[tT][sS][vV]|[tT][xX][tT])$"
#: Bytes that are not UTF-8 are escaped in names, so those of existing files may have a backslash.
_NAME = rf"^[^./\x00-\x1f][^/\x00-\x1f]*{_SUFFIX}"
_NEW_NAME = rf"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*{_SUFFIX}"
_SUFFIXES = " or ".join(SUFFIXES)

router = APIRouter(prefix="/sources", tags=["sources"])


def _check_name(name: str) -> str:
    if re.fullmatch(_NAME, name) is None:
        raise ValueError(f"{name!r} is not a source name; expected a file name that ends in {_SUFFIXES}")
    return check_source_name(name)


def _check_new_name(name: str) -> str:
    if "\\" in name:
        raise ValueError(f"{name!r} has a backslash; expected a file name without one that ends in {_SUFFIXES}")
    check_source_name(composed(name))
    return _check_name(name)


Name = Annotated[
    str,
    Path(
        description=f"A name that the list of sources has; it ends in {_SUFFIXES}.",
        examples=["june.csv"],
        json_schema_extra={"pattern": _NAME},
    ),
    AfterValidator(_check_name),
]
NewName = Annotated[
    str,
    Path(
        description=f"A file name that ends in {_SUFFIXES}.",
        examples=["june.csv"],
        json_schema_extra={"pattern": _NEW_NAME},
    ),
    AfterValidator(_check_new_name),
]
#: What Swagger UI shows a file picker for.
_FILE = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
_UPLOAD = {
    "requestBody": {
        "description": "The file itself, not a form.",
        "required": True,
        "content": {MEDIA_TYPE: _FILE, "application/octet-stream": _FILE},
    }
}
_DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}, "description": "The file."},
    304: {"description": "The client has this version already (If-None-Match)."},
}


@router.get("", summary="List the sources")
def list_sources(folders: SourceFolders) -> Items[SourceInfo]:
    """Lists all sources, by name."""
    return Items(items=[_info(source) for source in all_sources(folders)])


@router.get("/{name}/check", summary="Check a source", response_model=SourceCheck)
async def check_source(
    request: Request,
    computations: ComputingAlone,
    folders: SourceFolders,
    settings: Configured,
    name: Name,
    dialect: Annotated[
        str | None, Query(description="What is not to be judged, as JSON.", examples=['{"dates": "mdy"}'])
    ] = None,
) -> Response:
    """Judges how a source would be read, from a sample; nothing is stored. 422 says why it cannot be read."""
    given = DialectOptions.parse(dialect) if dialect else NOTHING_GIVEN
    options = given.merged(settings.dialect_options)

    def body() -> Body:
        document = check(name, folders, options).model_dump_json().encode()
        return Body(JSON.media_type, iter([document]), len(document))

    return await computations.make(request, _CHECK_BYTES, body)


@router.get("/{name}", summary="Download a source", response_class=Response, responses=_DOWNLOAD)
@router.head("/{name}", include_in_schema=False)
def get_source(request: Request, files: SendingFiles, folders: SourceFolders, name: Name) -> Response:
    """Sends the file itself, as it is stored. If it changes while it is sent, the answer ends before it is complete."""
    source, file = open_newest(name, folders)
    return files.answer(request, source, file)


@router.put(
    "/{name}",
    status_code=201,
    summary="Upload a source",
    dependencies=[NEEDS_KEY],
    responses={200: {"model": SourceInfo, "description": "The upload replaced a source."}},
    openapi_extra=_UPLOAD,
)
async def put_source(request: Request, response: Response, settings: Configured, name: NewName) -> SourceInfo:
    """Uploads a CSV file, which appears under its name when it is complete: 201 if it is new, 200 if it replaces one.

    It hides a file of the same name in the data folder. An empty file is refused, and so is one that is not text, such
    as an Excel workbook: save that as CSV first.
    """
    received = await receive(request, settings.upload_dir, name, settings.max_upload_bytes)
    if received.replaced:
        response.status_code = 200
    response.headers["Location"] = f"{API_PREFIX}/sources/{quote(received.source.name)}"
    return _info(received.source)


@router.delete("/{name}", summary="Delete a source", status_code=204, dependencies=[NEEDS_KEY])
def delete_source(folders: SourceFolders, name: Name) -> None:
    """Deletes an uploaded source."""
    source = find_source(name, folders)
    if not source.uploaded:
        raise Problem(409, f"{name} is in the data folder, which is read-only; only uploaded sources can be deleted.")
    stored_path(folders.uploads, FilePath(source.name)).unlink(missing_ok=True)


def _info(source: Source) -> SourceInfo:
    return SourceInfo(name=source.name, bytes=source.size, modified_at=source.modified_at, uploaded=source.uploaded)
