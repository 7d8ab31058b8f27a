"""The receiver of webhooks: one request for each, signed as Standard Webhooks specifies, with a time limit."""

import asyncio
import logging
import time
from collections.abc import Sequence

import httpx2

import autoconnect
from autoconnect.core.webhook import signature
from autoconnect.errors import SettingsError
from autoconnect.settings import PREFIX

#: Seconds for a whole try, up to the status of the answer. A DNS look-up that hangs may take longer.
TIMEOUT_S = 10
#: Characters of an error that are kept: an error may quote part of an answer.
_MAX_ERROR = 200


class Receiver:
    """Posts webhooks to a URL. Each request opens its own connection, follows no redirect and reads no body."""

    def __init__(self, url: str, secrets: Sequence[bytes]) -> None:
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs each URL, with its password
        try:
            self._url = httpx2.URL(url)
        except httpx2.InvalidURL:  # its message may contain the password
            raise SettingsError(
                f"{PREFIX}WEBHOOK_URL cannot be read; expected a valid http:// or https:// URL."
            ) from None
        self._secrets = secrets
        self._certificates = httpx2.create_ssl_context()
        try:
            self._client()
        except (httpx2.InvalidURL, ImportError, ValueError):  # about a proxy, whose URL may contain a password
            raise SettingsError(
                "The proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used for webhooks; expected a valid "
                "http:// or https:// URL, or NO_PROXY=* to use none."
            ) from None

    @property
    def address(self) -> str:
        """Scheme, host and port: the part of the URL that may be logged."""
        return f"{self._url.scheme}://{self._url.netloc.decode()}"

    def post(self, webhook_id: str, body: bytes) -> str | None:
        """Send a webhook; return why it was not accepted, or None if it was."""
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": f"AutoConnect/{autoconnect.__version__}",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
        }
        if self._secrets:
            headers["webhook-signature"] = signature(self._secrets, webhook_id, timestamp, body)
        try:
            status = asyncio.run(self._status(headers, body))
        except TimeoutError:
            return f"no answer within {TIMEOUT_S} s"
        except (httpx2.HTTPError, OSError, ValueError) as error:  # ValueError: the name of the host is invalid
            return f"{type(error).__name__}: {error}"[:_MAX_ERROR]
        return None if httpx2.codes.is_success(status) else f"the answer has status {status}"

    async def _status(self, headers: dict[str, str], body: bytes) -> int:
        """The status of the answer. This time limit covers the whole try; the client's would cover each read only."""
        async with (
            asyncio.timeout(TIMEOUT_S),
            self._client() as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            return response.status_code

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=self._certificates, timeout=None)
