"""The settings: environment variables with the prefix AUTOCONNECT_, checked before anything starts."""

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

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: str | None = Field(
        None,
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
        description="When set, every call that changes something needs it, as `Authorization: Bearer` or `X-API-Key`.",
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8_000, ge=1, le=65_535, description="Port that the API listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")
    log_format: Literal["console", "json"] = Field("console", description="`console` for people, `json` for machines.")
    health_file: Path | None = Field(
        None, description="Touched after each round of a service's loop; the containers' health checks look at its age."
    )

    @field_validator("redis_url")
    @classmethod
    def _port_is_a_number(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).port == 0:  # what is no number at all raises ValueError here
            raise ValueError("port 0 is none that a server listens on")
        return url

    @model_validator(mode="after")
    def _lease_outlives_claim(self) -> "Settings":
        if self.lease_ms < 3 * self.heartbeat_ms:
            raise ValueError(f"{PREFIX}LEASE_MS is {self.lease_ms}; expected at least three times {PREFIX}HEARTBEAT_MS")
        return self

    @property
    def block_ms(self) -> int:
        """How long a claim waits: so that the lease is longer than it and two heartbeats."""
        return min(2_000, (self.lease_ms - 2 * self.heartbeat_ms) * 3 // 4)

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
            values[name.lower()] = _read_secret(f"{PREFIX}{name}_FILE", path)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{variable} is {path!r}, which cannot be read: {error.strerror}.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return first["msg"].removeprefix("Value error, ") + "."
    name = str(first["loc"][0])
    shown = "" if name.upper() in SECRETS else f" is {first['input']!r}"
    return f"{PREFIX}{name.upper()}{shown}: {first['msg'][0].lower()}{first['msg'][1:]}."
