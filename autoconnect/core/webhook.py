"""The parts of a webhook that are pure: where it may go, its secrets, and its signature by Standard Webhooks.

The specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

#: Bytes of a secret: fewer could be guessed.
MIN_SECRET_BYTES = 16
#: What a secret begins with that is written in Base64.
_BASE64_PREFIX = "whsec_"


def check_url(url: str) -> None:
    """Raise ValueError unless webhooks can be sent to a URL; the message shows nothing of it."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("the scheme is unknown; expected http:// or https://")
    try:
        parts = urlsplit(url)
        readable = parts.hostname is not None and parts.port != 0 and parts.netloc.count("@") <= 1
    except ValueError:  # its message can contain part of a password
        readable = False
    # An `@` or `#` further right would belong to a password, so part of the password would be taken for the host.
    if not readable or "@" in parts.path + parts.query or "#" in url:
        raise ValueError(
            "host and port cannot be read; expected a URL such as https://hooks.example/autoconnect, without a "
            "fragment, and with a percent-encoded password"
        )
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("it has characters that a URL cannot have; expected printable ASCII without spaces")


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Return the secrets in a text, separated by commas: `whsec_` and Base64, or any other text as it stands.

    Raises ValueError, whose message shows nothing of the text.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise ValueError("it holds no secret; expected one or more, separated by commas")
    return tuple(_parse(entry, position) for position, entry in enumerate(entries, start=1))


def signature(secrets: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret, so that a secret can be replaced.

    `timestamp` is in seconds since 1970.
    """
    signed = b".".join([webhook_id.encode(), str(timestamp).encode(), body])
    digests = [hmac.digest(secret, signed, hashlib.sha256) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _parse(entry: str, position: int) -> bytes:
    secret = _from_base64(entry, position) if entry.startswith(_BASE64_PREFIX) else entry.encode()
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(
            f"secret {position} is too short; expected at least {MIN_SECRET_BYTES} bytes, such as whsec_ and the "
            "output of `openssl rand -base64 32`"
        )
    return secret


def _from_base64(entry: str, position: int) -> bytes:
    try:
        return base64.b64decode(entry.removeprefix(_BASE64_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            f"secret {position} cannot be read; expected Base64 after {_BASE64_PREFIX}, such as the output of "
            "`openssl rand -base64 32`"
        ) from None
