"""HTTP with a running API: its answers as dicts, and its errors as exceptions."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from autoconnect.client.errors import ApiUnavailable, error_of
from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.models import API_PREFIX

URL_VARIABLE = "AUTOCONNECT_URL"
DEFAULT_URL = "http://127.0.0.1:8000"
#: Seconds without a byte after which a call has failed; a stream of events has a line at least every 15 s.
_SILENCE_S = 30

Model = TypeVar("Model", bound=BaseModel)
Parameters = Mapping[str, str | list[str]]


def http_client(url: str, api_key: str | None, name: str) -> httpx2.Client:
    """A client of the API at an URL, which an error calls `name`; raises SettingsError if it is not one."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{name} is {url!r}; expected a URL such as {DEFAULT_URL}.")
    try:
        return httpx2.Client(base_url=url, headers=headers, timeout=_SILENCE_S)
    except (httpx2.InvalidURL, ValueError) as error:
        raise SettingsError(f"{name} is {url!r}: {error}.") from None


class Connection:
    """Calls of one API. Each raises ApiError for an answer with an error, and ApiUnavailable without an answer."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def call(self, method: str, *path: str, **options: Any) -> dict[str, Any]:
        """Return the answer, which is empty for 204; the parts of `path` need no quoting."""
        with self.open(method, *path, **options) as response:
            response.read()
            if response.status_code == httpx2.codes.NO_CONTENT:
                return {}
            return self._document(response)

    @contextmanager
    def open(self, method: str, *path: str, **options: Any) -> Iterator[httpx2.Response]:
        """An answer that is not yet read, without error."""
        try:
            quoted = "/".join(quote(part, safe="", errors="surrogateescape") for part in path)
            with self.client.stream(method, f"{API_PREFIX}/{quoted}", **options) as response:
                if not response.is_success:
                    response.read()
                    raise self._error(response)
                yield response
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ApiUnavailable(
                f"The API at {self.client.base_url} does not answer ({error}); start it, or correct the URL "
                f"({URL_VARIABLE})."
            ) from None
        except UnicodeEncodeError as error:
            raise AutoConnectError(f"{error.object!r} cannot be sent; expected valid Unicode text.") from None

    def read(self, model: type[Model], document: Any) -> Model:
        """The object in an answer; raises ApiUnavailable if it is not one."""
        try:
            return model.model_validate(document)
        except ValidationError:
            raise self._not_an_api() from None

    def parsed(self, text: str) -> dict[str, Any]:
        """The JSON object in a text; raises ApiUnavailable if it is not one."""
        try:
            document = json.loads(text, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):  # the second for an exponent that no decimal has
            raise self._not_an_api() from None
        if not isinstance(document, dict):
            raise self._not_an_api()
        return document

    def _document(self, response: httpx2.Response) -> dict[str, Any]:
        return self.parsed(response.text)

    def _error(self, response: httpx2.Response) -> AutoConnectError:
        detail = self._document(response).get("detail")
        status = response.status_code
        sentence = f"The API at {self.client.base_url} answered with status {status}."
        return error_of(status, detail if isinstance(detail, str) else sentence)

    def _not_an_api(self) -> AutoConnectError:
        return ApiUnavailable(
            f"The answer of {self.client.base_url} is not that of an AutoConnect API; check the URL ({URL_VARIABLE})."
        )
