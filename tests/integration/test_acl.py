"""The rights of the services in Redis. The whole integration suite runs under them; here is what they do not allow."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoconnect.broker import keys
from autoconnect.broker.connection import Client
from autoconnect.errors import BrokerUnavailable
from tests import acl

BROKER = Path(keys.__file__).parent


@pytest.mark.parametrize(
    "command",
    [
        *("FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "SWAPDB 0 1", "SELECT 1"),
        *("CONFIG GET *", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "DEBUG SLEEP 0", "MONITOR", "SLOWLOG GET"),
        *("SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN NOSAVE", "REPLICAOF 127.0.0.1 1", "FAILOVER"),
        *("ACL LIST", "ACL SETUSER x on nopass +@all ~*", "ACL WHOAMI", "MODULE LIST", "MODULE LOAD /x.so"),
        *("CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1", "SCRIPT FLUSH", "SCRIPT KILL", "SCRIPT LOAD x"),
        *("FUNCTION FLUSH", "FUNCTION LIST", "PUBLISH x y", "SUBSCRIBE x", "MIGRATE 127.0.0.1 1 x 0 1", "SORT x"),
        *("DUMP autoconnect:open", "RESTORE autoconnect:x 0 x", "COPY autoconnect:open autoconnect:x", "OBJECT HELP"),
        *("GET other", "SET other 1", "RENAME autoconnect:open other", "BLMOVE autoconnect:ready other LEFT LEFT 1"),
        *("DEL autoconnect", "DEL autoconnect:x other", "EVALSHA_RO x 0", "EVAL_RO x 0"),
    ],
)
def test_a_service_may_not(command: str, client: Client, admin: Client) -> None:
    client.call("SADD", keys.OPEN, "a job")
    with pytest.raises(BrokerUnavailable, match=r"(?i)no permission|not allowed|unknown command"):
        client.call(*command.split())
    assert client.call("SMEMBERS", keys.OPEN) == {b"a job"}
    admin.call("ACL", "LOG", "RESET")
    admin.call("DEL", keys.OPEN)


@pytest.mark.parametrize("command", ["'FLUSHALL'", "'GET', 'other'", "'PUBLISH', 'x', 'y'"])
def test_a_script_may_not_either(command: str, client: Client, admin: Client) -> None:
    with pytest.raises(BrokerUnavailable, match=r"(?i)ACL|permission|can't (run|access)"):
        client.call("EVAL", f"return redis.call({command})", 0)
    assert acl.denied(admin) != []
    admin.call("ACL", "LOG", "RESET")


def test_the_rule_allows_the_commands_that_the_broker_sends_and_no_other(admin: Client) -> None:
    """Put a command that a script or a module of the broker needs into `deploy/redis/services.acl`."""
    known = {*admin.call("COMMAND")} - {"client"}
    sent = {word.lower() for word in (*_words_of_scripts(), *_words_of_modules())} & known
    allowed = {word.removeprefix("+") for word in acl.rule() if word.startswith("+")}

    assert allowed == {*sent, *_subcommands()}
    assert [word for word in acl.rule() if not word.startswith("+")] == ["~autoconnect:*", "resetchannels", "-@all"]


def test_the_rule_has_no_dangerous_command_but_those_that_are_meant(admin: Client) -> None:
    categories = ("dangerous", "admin")
    dangerous = {name.decode() for category in categories for name in admin.call("ACL", "CAT", category)}
    allowed = {word.removeprefix("+") for word in acl.rule()} & dangerous
    # Redis 6.2 has no categories of subcommands.
    assert {"info"} <= allowed <= {"info", "client|unblock"}


def _words_of_scripts() -> Iterator[str]:
    """All strings in capitals in the scripts: commands, and their options."""
    for script in BROKER.glob("lua/*.lua"):
        yield from re.findall("'([A-Z]{2,})'", script.read_text())


def _words_of_modules() -> Iterator[str]:
    """The same in the modules of the broker."""
    for module in BROKER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch("[A-Z]{2,}", str(node.value)):
                yield str(node.value)


def _subcommands() -> Iterator[str]:
    for module in BROKER.glob("*.py"):
        for name in re.findall(r'"CLIENT", "(\w+)"', module.read_text()):
            yield f"client|{name.lower()}"
