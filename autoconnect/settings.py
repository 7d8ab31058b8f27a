"""The settings: environment variables with the prefix AUTOCONNECT_, checked before anything starts."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from autoconnect.api_keys import ApiKey, parse_api_keys
from autoconnect.core.dialect import NOTHING_GIVEN, DialectOptions
from autoconnect.core.schema import Folding
from autoconnect.core.webhook import check_url, parse_secrets
from autoconnect.errors import SelectionError, SettingsError
from autoconnect.models import SourceName

PREFIX = "AUTOCONNECT_"
#: Settings that a file can hold: the variable of the same name with _FILE has the path of that file.
SECRETS = ("REDIS_URL", "API_KEY", "WEBHOOK_URL", "WEBHOOK_SECRET")
#: Characters of a value that an error shows.
_MAX_SHOWN = 200
#: URL schemes that the Redis client understands.
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")

#: What the paths of the API itself begin with: a path prefix must differ from them.
_OWN_PATHS = ("/api/v1", "/jobs", "/system", "/docs", "/redoc", "/openapi.json", "/static", "/health", "/metrics")
#: A path without a slash at its end, in which nothing is escaped; no part of it consists of dots.
_ROOT_PATH = re.compile(r"(/(?!\.+(/|\Z))[A-Za-z0-9._~-]+)+")

Positive = Annotated[int, Field(gt=0)]
EngineName = Literal["redis", "local", "dask"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """All settings of all services; a test compares docs/settings.md with this class."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    redis_url: str | None = Field(
        None,
        repr=False,
        description="Where Redis is, as `redis://`, `rediss://` or `unix://`. Every service needs it; without it, "
        "`autoconnect run` and `up` start an embedded server.",
    )
    data_dir: Path = Field(Path("data"), description="Folder of the sources; services only read it.")
    upload_dir: Path = Field(
        Path(".autoconnect/uploads"), description="Folder of uploaded sources, searched before DATA_DIR."
    )
    source: SourceName | None = Field(
        None,
        description="Source that the orchestrator submits when it starts, unless a job for the same name, size and "
        "modification time is open or completed.",
    )
    source_ctime: Literal["on", "off"] = Field(
        "on",
        description="`on`: a source whose ctime has changed is another one, even if its size and modification time are "
        "the same; `off`: it is the same, for files that each machine sees with another ctime.",
    )
    dialect: str | None = Field(
        None,
        description='Parts of the dialect of all sources, as a JSON object such as `{"dates": "mdy"}`; those that a '
        "job gives override them.",
    )
    fold_names: Folding = Field(
        "on",
        description="Which names of cities and models are one: `on`: those that differ in case, accents, spaces, `-`, "
        "`_` or apostrophes only; `case`: accents keep them apart; `off`: equal names only.",
    )
    batch_bytes: Positive | None = Field(
        None,
        description="Bytes in a batch. Defaults to size / (4 x workers), between 64 KiB and 32 MiB (4 MiB with "
        "MAPPER=plain or BATCH_TRANSPORT=inline).",
    )
    batch_transport: Literal["range", "inline"] = Field(
        "range",
        description="`range`: workers read the source; `inline`: its lines travel through Redis, for workers that "
        "cannot read it.",
    )
    mapper: Literal["kernel", "plain"] = Field(
        "kernel",
        description="`kernel`: compiled and fast; `plain`: its plain twin, slow, with the same results to the bit.",
    )
    engine: EngineName = Field(
        "redis",
        description="What maps batches: the workers (`redis`), a Dask cluster to which one worker hands them (`dask`), "
        "or, for `autoconnect run` only, the command's own process, one batch after another without Redis (`local`).",
    )
    dask_scheduler: str | None = Field(
        None,
        description="Address of the scheduler for ENGINE=dask, such as `tcp://10.0.0.5:8786`; its workers must see "
        "DATA_DIR and UPLOAD_DIR under the same paths, unless BATCH_TRANSPORT=inline. Defaults to a cluster of WORKERS "
        "processes on this machine.",
    )
    workers: Positive = Field(
        3,
        description="Number of workers that `autoconnect run` and `up` start. With ENGINE=dask: number of threads of "
        "the cluster.",
    )
    heartbeat_ms: Positive = Field(
        1_000,
        description="Milliseconds between renewals of a worker's lease, and between ticks of the orchestrator, which "
        "reclaim the batches of dead workers.",
    )
    lease_ms: Positive = Field(
        5_000,
        description="Milliseconds without a renewal after which a worker counts as dead and its batches are reclaimed.",
    )
    stall_ms: Positive = Field(
        60_000,
        description="Milliseconds without progress after which a worker stops renewing its lease: one that hangs loses "
        "its batches.",
    )
    max_attempts: Positive = Field(3, description="Number of failures at which a batch is dead and its job fails.")
    max_deaths: Positive = Field(
        10, description="Number of deaths of its workers at which a batch is dead and its job fails."
    )
    max_rejected_ratio: float = Field(
        0.10, ge=0, le=1, description="Share of rejected rows above which a job fails; checked when all rows are read."
    )
    max_cells: Positive | Literal["auto"] = Field(
        "auto",
        description="Number of combinations of city, day, type and model above which a job fails. `auto`: as many as "
        "fit into Redis and into the memory of every service.",
    )
    result_ttl_s: Positive = Field(
        604_800,
        description="Seconds for which an ended job is kept; the published result is kept until another replaces it.",
    )
    results_bytes: Positive | None = Field(
        None,
        description="Bytes of unpublished results above which the oldest are removed. Defaults to a quarter of the "
        "maxmemory of Redis.",
    )
    memory_wait_s: Positive = Field(
        300, description="Seconds for which a job waits for memory in Redis before it fails."
    )
    keep_jobs: Positive = Field(
        1_000, description="Number of ended jobs above which the oldest are removed, but never the published one."
    )
    max_open_jobs: Positive = Field(
        1_000, description="Number of jobs that have not ended at which further jobs are refused."
    )
    answer_cache_bytes: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Bytes of answers that the API keeps in memory, to give them again; `0`: none. Defaults to 16 MiB, "
        "or less where memory is short; at most half of the memory for cubes and answers.",
    )
    max_upload_bytes: Positive = Field(2 << 30, description="Bytes above which an upload is refused.")
    api_key: str | None = Field(
        None,
        repr=False,
        description="When set, every call that changes something needs it, as `Authorization: Bearer` or `X-API-Key`. "
        "An entry is `NAME:ROLE:KEY`, with the role `read` or `write`, or just a key, which is one to write; a key has "
        "at least 16 characters. Separate several entries by commas, or by line breaks in a file.",
    )
    api_key_for_reading: bool = Field(
        False, description="Whether calls that only read need the key too; health and documentation never do."
    )
    rate_limit: Positive | None = Field(
        None, description="Calls a minute that the API accepts from one address. Defaults to no limit."
    )
    trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of reverse proxies, separated by commas, such as `127.0.0.1, 10.0.0.0/8`: "
        "RATE_LIMIT and the log count the client that their X-Forwarded-For names. Defaults to none.",
    )
    root_path: str | None = Field(
        None,
        description="Path below which a reverse proxy serves the API, such as `/autoconnect`, whether the proxy strips "
        "it or not. Defaults to none.",
    )
    cors_origins: str | None = Field(
        None,
        description="Origins of other web pages that may call the API, such as `https://reports.example`, separated by "
        "commas; `*` allows all, and needs API_KEY.",
    )
    webhook_url: str | None = Field(
        None,
        repr=False,
        description="Where the aggregator sends a webhook when a job has ended, as `http://` or `https://`; a user and "
        "a password in it are sent as basic authentication. Defaults to none: no webhooks.",
    )
    webhook_secret: str | None = Field(
        None,
        repr=False,
        description="Secret that webhooks are signed with: `whsec_` and Base64, or any text of at least 16 bytes. "
        "Separate several by commas, or by line breaks in a file: each signs. Defaults to none: no signature.",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address that the API listens on. Without API_KEY, an address that other machines can reach is "
        "replaced by 127.0.0.1.",
    )
    open_without_key: bool = Field(
        False,
        description="Whether HOST also applies without API_KEY, for networks that restrict access in another way, such "
        "as a container's published port.",
    )
    port: int = Field(8_000, ge=1, le=65_535, description="Port that the API listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")
    log_format: Literal["console", "json"] = Field("console", description="`console` for people, `json` for machines.")
    health_file: Path | None = Field(
        None,
        description="File that a service touches after each round of its loop; the containers' health checks look at "
        "its age.",
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_readable(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(_REDIS_SCHEMES):
            raise ValueError("the scheme is unknown; expected redis://, rediss:// or unix://")
        try:
            parts = urlsplit(url or "")
            # Without a host, a slash in the password makes the password look like a port and a database.
            readable = parts.port != 0 and (parts.hostname is not None or not parts.netloc)
            # A `#`, `/`, `?` or `@` in the password would make the client take a part of it for the host.
            rest = f"{parts.path}{parts.query}"
            readable &= parts.netloc.count("@") <= 1 and not (parts.netloc and ("@" in rest or parts.fragment))
        except ValueError:  # its message can contain part of the password
            readable = False
        if not readable:
            raise ValueError(
                "host and port cannot be read; expected a port from 1 to 65535 and a percent-encoded password"
            )
        return url

    @field_validator("dialect")
    @classmethod
    def _dialect_is_readable(cls, dialect: str | None) -> str | None:
        try:
            DialectOptions.parse(dialect or "{}")
        except SelectionError as error:
            raise ValueError(str(error).removesuffix(".")) from None
        return dialect

    @field_validator("max_cells", mode="before")
    @classmethod
    def _cells_are_counted(cls, cells: object) -> object:
        if cells != "auto" and not (str(cells).isdecimal() and int(str(cells)) > 0):
            raise ValueError("it is no number of cells; expected a whole number above 0, or auto")
        return cells

    @field_validator("api_key")
    @classmethod
    def _keys_are_readable(cls, keys: str | None) -> str | None:
        if keys is not None:
            parse_api_keys(keys)
        return keys

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, proxies: str | None) -> str | None:
        for proxy in _split(proxies or ""):
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(
                    f"{error}; expected addresses or networks separated by commas, such as 127.0.0.1, 10.0.0.0/8"
                ) from None
        return proxies

    @field_validator("root_path")
    @classmethod
    def _root_path_is_a_prefix(cls, path: str | None) -> str | None:
        if path is None:
            return path
        if not _ROOT_PATH.fullmatch(path):
            raise ValueError("it is no path prefix; expected a path such as /autoconnect, without a slash at its end")
        if any(f"{own}/".startswith(f"{path}/") or path.startswith(f"{own}/") for own in _OWN_PATHS):
            raise ValueError("it is a path of the API itself; expected another one, such as /autoconnect")
        return path

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, origins: str | None) -> str | None:
        for origin in _split(origins or ""):
            parts = urlsplit(origin)
            if origin != "*" and origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(
                    f"{origin!r} is not an origin; expected scheme and host, such as https://reports.example"
                )
        return origins

    @field_validator("webhook_url")
    @classmethod
    def _webhook_url_is_readable(cls, url: str | None) -> str | None:
        if url is not None:
            check_url(url)
        return url

    @field_validator("webhook_secret")
    @classmethod
    def _webhook_secrets_are_readable(cls, secrets: str | None) -> str | None:
        if secrets is not None:
            parse_secrets(secrets)
        return secrets

    @model_validator(mode="after")
    def _key_for_reading_is_set(self) -> "Settings":
        if self.api_key_for_reading and self.api_key is None:
            raise ValueError(f"{PREFIX}API_KEY_FOR_READING is true; expected {PREFIX}API_KEY to be set too")
        return self

    @model_validator(mode="after")
    def _not_every_page_may_change_things(self) -> "Settings":
        if "*" in self.origins and self.api_key is None:
            raise ValueError(
                f"{PREFIX}CORS_ORIGINS has '*' and {PREFIX}API_KEY is not set, so any web page could change things; "
                f"expected {PREFIX}API_KEY to be set too, or origins instead of '*'"
            )
        return self

    @model_validator(mode="after")
    def _lease_outlasts_heartbeats(self) -> "Settings":
        shortest_ms = 3 * self.heartbeat_ms
        if self.lease_ms < shortest_ms:
            raise ValueError(
                f"{PREFIX}LEASE_MS is {self.lease_ms}; expected at least three times {PREFIX}HEARTBEAT_MS, so "
                f"{shortest_ms} or more"
            )
        return self

    @property
    def block_ms(self) -> int:
        """Longest wait for a list item, in milliseconds: the lease outlasts it and two heartbeats."""
        return min(2_000, (self.lease_ms - 2 * self.heartbeat_ms) * 3 // 4)

    @property
    def worker_processes(self) -> int:
        """Number of processes of the service `worker`: with a Dask cluster, one hands out all batches."""
        return 1 if self.engine == "dask" else self.workers

    @property
    def dialect_options(self) -> DialectOptions:
        """What is given of the dialect of all sources."""
        return DialectOptions.parse(self.dialect) if self.dialect else NOTHING_GIVEN

    @property
    def has_source_ctime(self) -> bool:
        """Whether the ctime of a source counts."""
        return self.source_ctime == "on"

    @property
    def api_keys(self) -> tuple[ApiKey, ...]:
        """Keys that the API accepts; empty if calls need none."""
        return parse_api_keys(self.api_key) if self.api_key else ()

    @property
    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Secrets that sign webhooks; empty if webhooks have no signature."""
        return parse_secrets(self.webhook_secret) if self.webhook_secret else ()

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins of other web pages that may call the API."""
        return _split(self.cors_origins or "")

    @property
    def proxies(self) -> tuple[Network, ...]:
        """Networks of the reverse proxies that may say whose request they pass on."""
        return tuple(map(ipaddress.ip_network, _split(self.trusted_proxies or "")))

    @property
    def listen_host(self) -> str:
        """Address that the API listens on: HOST, or 127.0.0.1 if others could reach HOST without a key."""
        return self.host if self.api_keys or self.open_without_key or _is_loopback(self.host) else "127.0.0.1"

    def needed_redis_url(self) -> str:
        """Return the URL of Redis; raise SettingsError if it is not set."""
        if self.redis_url is None:
            raise SettingsError(f"{PREFIX}REDIS_URL is not set; expected a URL such as redis://localhost:6379/0.")
        return self.redis_url


def load_settings(**options: object) -> Settings:
    """Read the settings from the environment; options that are not None override it.

    Raises SettingsError, which names the variable and what was expected.
    """
    values: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    for name in SECRETS:
        if path := os.environ.get(f"{PREFIX}{name}_FILE"):
            secret = _read_secret(f"{PREFIX}{name}_FILE", path)
            values[name.lower()] = ",".join(secret.splitlines())
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"{variable} is {path!r}, which cannot be read: {error.strerror}; expected a readable text file."
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable} is {path!r}, which is not text; expected a readable text file.") from None


def _sentence(error: ValidationError) -> str:
    """Return the first of pydantic's errors as one sentence, without the value of a secret."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"{message}."
    name = str(first["loc"][0])
    value = "" if name.upper() in SECRETS else f" is {first['input']!r:.{_MAX_SHOWN}}"
    return f"{PREFIX}{name.upper()}{value}: {message[0].lower()}{message[1:]}."
