"""The URL, the secrets and the signature of webhooks."""

import base64

import pytest

from autoconnect.core.webhook import parse_secrets, signature
from autoconnect.errors import SettingsError
from autoconnect.settings import load_settings


def test_a_signature_is_that_of_the_example_of_standard_webhooks() -> None:
    secrets = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs() -> None:
    one, two = "a-secret-that-is-text", f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
    secrets = parse_secrets(f"{one}, {two}")
    assert secrets == (one.encode(), bytes(range(32)))
    assert signature(secrets, "id", 1, b"") == " ".join(signature([secret], "id", 1, b"") for secret in secrets)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000",
        "https://hooks.example/a/path?with=query&and=more",
        "https://user:p%40ss@hooks.example:8443/",
        "http://[::1]:9000/",
    ],
)
def test_a_url_is_taken_as_it_stands(url: str) -> None:
    assert load_settings(webhook_url=url).webhook_url == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://p4ss", "expected http:// or https://"),
        ("hooks.example/p4ss", "expected http:// or https://"),
        ("https://", "host and port"),
        ("https:///p4ss", "host and port"),
        ("http://hooks.example:0/p4ss", "host and port"),
        ("http://hooks.example:p4ss/", "host and port"),
        ("http://[::1/p4ss", "host and port"),
        ("http://user:p4ss/1@hooks.example/", "host and port"),
        ("http://user:1/p4ss@hooks.example/", "host and port"),
        ("http://user:1?p4ss@hooks.example/", "host and port"),
        ("http://user:1#p4ss@hooks.example/", "host and port"),
        ("http://user:p4ss@1@hooks.example/", "host and port"),
        ("http://hooks.example/#p4ss", "host and port"),
        ("http://hooks.example/p4ss\n", "printable ASCII"),
        ("http://hooks.example/p4 ss", "printable ASCII"),
        ("http://h\u00f4te.example/p4ss", "printable ASCII"),
    ],
)
def test_an_unusable_url_is_refused_in_a_sentence_without_it(url: str, expected: str) -> None:
    with pytest.raises(SettingsError, match="AUTOCONNECT_WEBHOOK_URL: ") as caught:
        load_settings(webhook_url=url)
    assert expected in str(caught.value)
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("too-short-text", "at least 16 bytes"),
        (" , ", "it holds no secret"),
        ("whsec_dG9vLXNob3J0", "at least 16 bytes"),
        ("whsec_!t-is-not-base64-at-all", "expected Base64"),
        ("whsec_bm90LWJhc2U2NC1hdC1hbGw", "expected Base64"),
        ("a-secret-that-is-text,tiny", "secret 2 is too short"),
    ],
)
def test_an_unusable_secret_is_refused_in_a_sentence_without_it(secret: str, expected: str) -> None:
    with pytest.raises(SettingsError, match="AUTOCONNECT_WEBHOOK_SECRET: ") as caught:
        load_settings(webhook_secret=secret)
    assert expected in str(caught.value)
    for part in secret.split(","):
        assert part.strip() == "" or part.removeprefix("whsec_") not in str(caught.value)


def test_neither_shows_in_the_settings() -> None:
    settings = load_settings(webhook_url="https://user:p4ss@hooks.example", webhook_secret="a-secret-of-22-letters")
    assert "p4ss" not in repr(settings)
    assert "22-letters" not in repr(settings)
