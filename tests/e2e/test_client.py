"""The Python client, used as its documentation says."""

import re
import textwrap
from pathlib import Path

import pytest

from autoconnect import client
from autoconnect.client import connected
from autoconnect.errors import AutoConnectError, SettingsError
from autoconnect.models import JobStatus
from tests.e2e.processes import Up

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_of_the_documentation_prints_rows(
    up: Up, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOCONNECT_URL", up.url)
    (example,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.DOTALL | re.MULTILINE)
    assert client.__doc__
    assert textwrap.indent(example, "    ") in client.__doc__
    exec(compile(example, "example", "exec"), {})
    assert capsys.readouterr().out.startswith("Paris ")


def test_the_client_needs_no_environment_if_url_and_key_are_passed(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCONNECT_URL", "nonsense")
    monkeypatch.setenv("AUTOCONNECT_PORT", "nonsense")
    with connected(up.url, key="any") as api:
        assert api.watch(up.first_job).status is JobStatus.COMPLETED
        assert up.first_job in [job.id for job in api.list_jobs(limit=1_000)]
        assert api.metric("summary")["complete"] is True
        with pytest.raises(AutoConnectError, match="There is no job none"):
            api.job("none")
    with pytest.raises(SettingsError, match="The URL is 'nonsense'"), connected("nonsense", key="any"):
        pass
