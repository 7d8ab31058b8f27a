"""Clients of Redis, which translate its errors into ours."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, RedisError, ResponseError
from redis.retry import Retry

from autoconnect.errors import BrokerFull, BrokerLoading, BrokerSilent, BrokerUnavailable, SettingsError

#: Seconds after which a call that does not block is given up.
_TIMEOUT_S = 5.0
#: Seconds between checks of idle connections: a half-open one looks alive.
_CHECK_S = 10
#: Redis 6.2 rounds a wait of 1 ms down to 0, which means forever.
_SHORTEST_WAIT_MS = 2
#: Times that a call without a reply is sent again; safe, as every script is idempotent.
_RETRIES = 3

_LUA = Path(__file__).parent / "lua"
#: Scripts that need nothing of the prelude. It would double the time of `read_result`, which runs at each request.
_WITHOUT_PRELUDE = ("read_result", "read_together")

Argument = str | bytes | int


class Client:
    """Sends commands to Redis, runs the scripts of `lua/` by name, and translates errors."""

    def __init__(self, driver: redis.Redis) -> None:
        self._driver = driver

    def call(self, *command: Argument | float) -> Any:
        """Send one command; strings come back as bytes."""
        try:
            return self._driver.execute_command(*command)
        except RedisError as error:
            raise _translated(error) from error

    def call_many(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        """Send several commands in one round trip; commands of other clients may run between them."""
        try:
            with self._driver.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return pipeline.execute()
        except RedisError as error:
            raise _translated(error) from error

    def read_together(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Send several commands that read, of one key each if any, and run them at one instant.

        The replies are those that a script gets: a hash is a list of names and values.
        """
        keys = dict.fromkeys(str(command[1]) for command in commands if len(command) > 1)
        words = [word for command in commands for word in (len(command), *command)]
        return list(self.run_script("read_together", [*keys], words))

    def run_script(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run `lua/<name>.lua`; send the script only if Redis does not have it."""
        try:
            return self._driver.execute_command(*script_command(name, keys, arguments))
        except NoScriptError:
            return self.call("EVAL", _script(name).text, len(keys), *keys, *arguments)
        except RedisError as error:
            raise _translated(error) from error

    def ping(self) -> None:
        """Raise BrokerUnavailable unless Redis answers."""
        self.call("PING")

    def close(self) -> None:
        """Close all connections."""
        self._driver.close()


class BlockingClient(Client):
    """A client for calls that block, one at a time; another thread may interrupt them.

    It never sends a call again: the caller must first check for an item that a lost reply left in a list.
    """

    def __init__(self, url: str, block_ms: int) -> None:
        timeout_s = _TIMEOUT_S + block_ms / 1_000
        super().__init__(_driver(url, timeout_s, Retry(NoBackoff(), 0), max_connections=1))
        self._url = url
        self._connection_id: int | None = None

    def call(self, *command: Argument | float) -> Any:
        with self._connected():
            return super().call(*command)

    def call_many(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        with self._connected():
            return super().call_many(commands)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Learn the connection's id, for `interrupt`, and forget it when the connection is lost."""
        try:
            if self._connection_id is None:
                self._connection_id = super().call("CLIENT", "ID")
            yield
        except BrokerUnavailable:
            self._connection_id = None
            raise

    def interrupt(self) -> None:
        """End a call that blocks in another thread, as if it had timed out."""
        if self._connection_id is not None:
            connect(self._url).call("CLIENT", "UNBLOCK", self._connection_id)


class _Script:
    def __init__(self, name: str) -> None:
        prelude = "" if name in _WITHOUT_PRELUDE else (_LUA / "prelude.lua").read_text()
        self.text = prelude + (_LUA / f"{name}.lua").read_text()
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def connect(url: str) -> Client:
    """A client for calls that return at once; threads may share it.

    Raises SettingsError if the URL has invalid parts or options.
    """
    return Client(_driver(url, _TIMEOUT_S, Retry(ExponentialBackoff(cap=0.5, base=0.01), _RETRIES)))


def impatient_driver(url: str, timeout_s: float) -> redis.Redis:
    """For a Client that gives up a call after `timeout_s` without a reply, and sends it again only if it was cut off.

    Raises SettingsError if the URL has invalid parts or options.
    """
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.01), _RETRIES, supported_errors=(redis.ConnectionError,))
    return _driver(url, timeout_s, retry)


def script_command(name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> tuple[Argument, ...]:
    """The command that runs `lua/<name>.lua` if Redis has it."""
    return ("EVALSHA", _script(name).sha, len(keys), *keys, *arguments)


def wait_s(block_ms: int) -> float:
    """The seconds for which a command is to block, so that every Redis ends the wait."""
    return max(block_ms, _SHORTEST_WAIT_MS) / 1_000


def answers(url: str) -> bool:
    """Whether Redis answers at a URL, and accepts its credentials."""
    client = connect(url)
    try:
        client.ping()
    except BrokerUnavailable:
        return False
    else:
        return True
    finally:
        client.close()


def _driver(url: str, timeout_s: float, retry: Retry, **options: Any) -> redis.Redis:
    if not url.startswith("unix:"):
        options["socket_keepalive"] = True
    try:
        driver = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(timeout_s, _TIMEOUT_S),
            health_check_interval=_CHECK_S,
            driver_info=None,  # CLIENT SETINFO: Redis before 7.2 has no such command, and 7.0 refuses a rule with it
            retry=retry,
            **options,
        )
        pool = driver.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # checks the options without connecting
    except (TypeError, ValueError):  # their messages may contain the password
        raise SettingsError("AUTOCONNECT_REDIS_URL has an invalid part or an unknown option.") from None
    return driver


@cache
def _script(name: str) -> _Script:
    return _Script(name)


def _translated(error: RedisError) -> BrokerUnavailable:
    if isinstance(error, OutOfMemoryError) or "OOM" in str(error):
        return BrokerFull("Redis is out of memory and refuses to write.")
    if isinstance(error, BusyLoadingError):
        return BrokerLoading("Redis is still loading its data.")
    if isinstance(error, ResponseError):
        return BrokerUnavailable(f"Redis answers with an error: {error}")
    return BrokerSilent(f"Redis does not answer: {error}")
