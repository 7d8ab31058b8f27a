"""How keys are written."""

import traceback

import pytest

from autoconnect.api_keys import ApiKey, Role, parse_api_keys
from autoconnect.errors import SettingsError
from autoconnect.settings import load_settings

KEY, OTHER = "s3cr3t-s3cr3t-01", "s3cr3t:s3cr3t,02".replace(",", "-")


def test_an_entry_is_a_name_a_role_and_a_key_or_only_a_key_to_write() -> None:
    assert parse_api_keys(f"reports:read:{KEY}x, {KEY},, ops-1:write: {OTHER} ") == (
        ApiKey("reports", Role.READ, f"{KEY}x"),
        ApiKey("key-2", Role.WRITE, KEY),
        ApiKey("ops-1", Role.WRITE, OTHER),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" , ", "AUTOCONNECT_API_KEY: it holds no key; expected one or more, separated by commas."),
        (f"{KEY},{KEY[:15]}", "AUTOCONNECT_API_KEY: the key of entry 2 is too short; expected at least 16 characters"),
        (f"ops:write:{KEY[:15]}", "the key of entry 1 is too short; expected at least 16 characters"),
        ("ops:write:", "the key of entry 1 is too short"),
        (f"ops:{KEY}", "entry 1 cannot be read; expected KEY or NAME:ROLE:KEY"),
        (f"{KEY}:{KEY}:{KEY}", "entry 1 cannot be read"),
        (f"ops:admin:{KEY}", "entry 1 cannot be read"),
        (f":write:{KEY}", "entry 1 cannot be read"),
        (f"a b:write:{KEY}", "entry 1 cannot be read"),
        (f"a:read:{KEY},b:write:{KEY}", "it holds the same key twice"),
        (f"{KEY}\x7f", "it has characters that a header cannot carry; expected printable ASCII."),
    ],
)
def test_the_error_about_an_unusable_key_says_what_is_expected_and_never_shows_a_key(
    text: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOCONNECT_API_KEY", text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert sentence in str(caught.value)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_a_key_is_not_in_the_repr_of_an_entry_or_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCONNECT_API_KEY", f"ops:write:{KEY}")
    settings = load_settings()
    assert "s3cr3t" not in repr(settings) + repr(settings.api_keys)
    assert "ops" in repr(settings.api_keys)
