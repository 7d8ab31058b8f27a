"""Who may change something: everyone, or with API_KEY set those who know it."""

import secrets
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.problems import Problem

_BEARER = HTTPBearer(auto_error=False, description="The API key.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The API key.")


def _check_key(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    header: Annotated[str | None, Security(_HEADER)],
) -> None:
    wanted: str | None = request.app.state.settings.api_key
    given = bearer.credentials if bearer else header or ""
    if wanted is not None and not secrets.compare_digest(given.encode(), wanted.encode()):
        raise Problem(
            401,
            "This call needs the API key, as Authorization: Bearer or X-API-Key.",
            headers={"WWW-Authenticate": "Bearer"},
        )


#: Dependency of every route that changes something.
NEEDS_KEY = Depends(_check_key)
