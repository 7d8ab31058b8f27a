"""A receiver can check what it gets as the documentation says, and one that cannot be reached gives an error."""

import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from aggregator.receiver import Receiver
from autoconnect.core.webhook import parse_secrets
from autoconnect.errors import SettingsError
from tests.integration.receiving import receiving

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


def test_the_example_in_the_documentation_recognises_a_genuine_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given two secrets, because one is being replaced / I expect that each of them proves the request"""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    is_genuine = names["is_genuine"]
    with receiving() as hook:
        secrets = parse_secrets(f"a-new-secret-that-is-text,{SECRET}")
        assert Receiver(hook.url, secrets).post("1d8db74ed941cd97:1764410400123:completed", b'{"type": "x"}') is None
    (received,) = hook.received
    assert is_genuine(received.headers, received.body)
    assert not is_genuine(received.headers, received.body + b" ")
    for name, value in {"id": "another", "timestamp": "1764410400", "signature": "v1,AAAA v2,x \xe9"}.items():
        assert not is_genuine(received.headers | {f"webhook-{name}": value}, received.body)
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_YW5vdGhlciBzZWNyZXQ=")
    assert not is_genuine(received.headers, received.body)


def test_without_a_secret_there_is_no_signature_and_a_user_is_sent_as_basic_authentication() -> None:
    with receiving() as hook:
        receiver = Receiver(hook.url.replace("127", "user:p%40ss@127"), ())
        assert receiver.address == f"http://127.0.0.1:{hook.port}"
        assert receiver.post("an id", b"{}") is None
    (received,) = hook.received
    assert "webhook-signature" not in received.headers
    assert b64decode(received.headers["authorization"].removeprefix("Basic ")) == b"user:p@ss"


@pytest.mark.parametrize("host", ["127.0.0.1", f"{'x' * 64}.invalid"])
def test_a_receiver_that_cannot_be_reached_gives_a_short_error(host: str) -> None:
    error = Receiver(f"http://user:p4ss@{host}:9/p4th", ()).post("id", b"{}")
    assert error
    assert len(error) <= 200
    assert "p4" not in error


@pytest.mark.parametrize("proxy", ["socks5://user:p4ss@127.0.0.1:1", "ftp://user:p4ss@127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_reported_at_the_start(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(SettingsError, match=r"^The proxy in HTTP_PROXY, .* cannot be used") as refused:
        Receiver("http://127.0.0.1:1/", ())
    assert "p4ss" not in str(refused.value)
    monkeypatch.setenv("NO_PROXY", "*")
    with receiving() as hook:
        assert Receiver(hook.url, ()).post("id", b"{}") is None
