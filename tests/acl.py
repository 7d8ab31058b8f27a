"""The user of Redis that the services have in containers: `deploy/redis/services.acl` says what it may do."""

from pathlib import Path
from urllib.parse import urlsplit

from autoconnect.broker.connection import Client

USER, PASSWORD = "autoconnect", "only-for-tests"
RULE_FILE = Path(__file__).parents[1] / "deploy" / "redis" / "services.acl"


def rule() -> list[str]:
    """The words of the rule, without comments; start.sh reads it in the same way."""
    return [word for line in RULE_FILE.read_text().splitlines() if not line.startswith("#") for word in line.split()]


def create_user(admin: Client) -> None:
    """Create the services' user on a server of the tests."""
    admin.call("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", *rule())


def url_for_services(url: str) -> str:
    """The URL of the services' user, from that of a server without a password on a Unix socket."""
    return f"unix://{urlsplit(url).path}?username={USER}&password={PASSWORD}"


def denied(admin: Client) -> list[str]:
    """What the server has denied since its last ACL LOG RESET, such as `toplevel keys`."""
    entries = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in admin.call("ACL", "LOG")]
    return [f"{entry[b'context'].decode()} {entry[b'object'].decode()}" for entry in entries]
