"""The settings: environment variables with the prefix AUTOCONNECT_, checked before anything starts."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from autoconnect.errors import SettingsError

PREFIX = "AUTOCONNECT_"
#: These can also be given as the path of a file that holds them, by a variable of the same name with _FILE.
SECRETS = ("REDIS_URL", "API_KEY")

Positive = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """All settings of all services; docs/settings.md is held against this class by a test."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    redis_url: str | None = Field(
        None,
        repr=False,
        pattern=r"^(rediss?|unix)://",
        description="Where Redis is, as `redis://`, `rediss://` or `unix://`. Needed by each service; without it "
        "`autoconnect run` and `up` start an embedded server.",
    )
    data_dir: Path = Field(Path("data"), description="Folder of the sources; read only.")
    upload_dir: Path = Field(
        Path(".autoconnect/uploads"), description="Folder of uploaded sources, looked up before DATA_DIR."
    )
    source: str | None = Field(
        None,
        description="Submitted when the orchestrator starts, unless the same file's job is there already.",
    )
    batch_bytes: Positive | None = Field(
        None,
        description="Size of a batch; by itself size / (4 x workers), between 64 KiB and 32 MiB (4 MiB with "
        "MAPPER=plain or BATCH_TRANSPORT=inline).",
    )
    batch_transport: Literal["range", "inline"] = Field(
        "range",
        description="`range`: workers read the source; `inline`: its lines travel through Redis, for workers that "
        "do not see it.",
    )
    mapper: Literal["kernel", "plain"] = Field(
        "kernel",
        description="`kernel`: compiled, fast; `plain`: its plain twin, with the same results to the bit.",
    )
    workers: Positive = Field(3, description="Number of workers that `autoconnect run` and `up` start.")
    heartbeat_ms: Positive = Field(1_000, description="A worker renews its lease so often.")
    lease_ms: Positive = Field(5_000, description="A worker that has not renewed its lease for so long is dead.")
    stall_ms: Positive = Field(
        60_000, description="A worker that has made no progress for so long stops renewing its lease."
    )
    max_attempts: Positive = Field(3, description="A batch that has failed so often is dead, and its job fails.")
    max_deaths: Positive = Field(10, description="A batch whose worker has died so often is dead, and its job fails.")
    max_rejected_ratio: float = Field(
        0.10, ge=0, le=1, description="A job with a larger share of rejected rows fails, judged at its end."
    )
    max_cells: Positive = Field(
        2_000_000, description="A job with more combinations of city, day, type and model fails."
    )
    result_ttl_s: Positive = Field(604_800, description="All of an ended job but the published result is kept so long.")
    max_upload_bytes: Positive = Field(2 << 30, description="A larger upload is refused.")
    api_key: str | None = Field(
        None,
        repr=False,
        description="When set, every call that changes something needs it, as `Authorization: Bearer` or `X-API-Key`. "
        "Several keys are separated by commas, in a file also by lines; each will do.",
    )
    api_key_for_reading: bool = Field(
        False, description="Whether calls that only read need the key, too; health and documentation never do."
    )
    rate_limit: Positive | None = Field(
        None, description="An address may call the API so often a minute; by itself as often as it likes."
    )
    cors_origins: str | None = Field(
        None,
        description="Origins of web pages that may call the API besides its own, such as `https://reports.example`, "
        "separated by commas; `*` is all.",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address that the API listens on. Without API_KEY it listens on this machine only, whatever this "
        "says.",
    )
    open_without_key: bool = Field(
        False,
        description="Whether HOST counts without API_KEY, too: where something else decides who gets there, such as a "
        "container's published port.",
    )
    port: int = Field(8_000, ge=1, le=65_535, description="Port that the API listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")
    log_format: Literal["console", "json"] = Field("console", description="`console` for people, `json` for machines.")
    health_file: Path | None = Field(
        None, description="Touched after each round of a service's loop; the containers' health checks look at its age."
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_url_can_be_read(cls, url: str | None) -> str | None:
        try:
            parts = urlsplit(url or "")
            # Without a host, a password with a slash in it would be read as the port and the database.
            readable = parts.port != 0 and (parts.hostname is not None or not parts.netloc)
        except ValueError:  # its message may have a part of the password
            readable = False
        if not readable:
            raise ValueError(
                "host and port cannot be read; expected a port from 1 to 65535, and a password percent-encoded"
            )
        return url

    @field_validator("api_key")
    @classmethod
    def _keys_can_be_sent(cls, text: str | None) -> str | None:
        if text is not None and not _names(text):
            raise ValueError("no key is in it; expected one or several, separated by commas")
        if text is not None and not (text.isascii() and text.isprintable()):
            raise ValueError("it has characters that cannot be sent; expected printable ASCII")
        return text

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, text: str | None) -> str | None:
        for origin in _names(text or ""):
            parts = urlsplit(origin)
            if origin != "*" and origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"{origin!r} is no origin; expected scheme and host, such as https://reports.example")
        return text

    @model_validator(mode="after")
    def _reading_needs_a_key_that_there_is(self) -> "Settings":
        if self.api_key_for_reading and self.api_key is None:
            raise ValueError(f"{PREFIX}API_KEY_FOR_READING is true; expected {PREFIX}API_KEY to be set, too")
        return self

    @model_validator(mode="after")
    def _lease_outlives_claim(self) -> "Settings":
        if self.lease_ms < 3 * self.heartbeat_ms:
            raise ValueError(f"{PREFIX}LEASE_MS is {self.lease_ms}; expected at least three times {PREFIX}HEARTBEAT_MS")
        return self

    @property
    def block_ms(self) -> int:
        """How long a claim waits: so that the lease is longer than it and two heartbeats."""
        return min(2_000, (self.lease_ms - 2 * self.heartbeat_ms) * 3 // 4)

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The keys of the API, any of which will do; none where everyone may call."""
        return _names(self.api_key or "")

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of web pages that may call the API besides its own."""
        return _names(self.cors_origins or "")

    @property
    def listen_host(self) -> str:
        """Where the API listens: beyond this machine only with a key, or where that is said to be meant."""
        return self.host if self.api_keys or self.open_without_key or _is_loopback(self.host) else "127.0.0.1"

    def needed_redis_url(self) -> str:
        """Raises SettingsError where no Redis is set."""
        if self.redis_url is None:
            raise SettingsError(f"{PREFIX}REDIS_URL is not set; expected a URL such as redis://localhost:6379/0.")
        return self.redis_url


def load_settings(**options: object) -> Settings:
    """The settings of the environment; options that are not None come before it.

    Raises SettingsError, which names the variable and what was expected.
    """
    values: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    for name in SECRETS:
        if path := os.environ.get(f"{PREFIX}{name}_FILE"):
            text = _read_secret(f"{PREFIX}{name}_FILE", path)
            values[name.lower()] = ",".join(text.splitlines())
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{variable} is {path!r}, which cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable} is {path!r}, which is no text.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"{message}."
    name = str(first["loc"][0])
    shown = "" if name.upper() in SECRETS else f" is {first['input']!r}"
    return f"{PREFIX}{name.upper()}{shown}: {message[0].lower()}{message[1:]}."
