"""What can be set for the containers is what the services read: compose passes it on, .env.example explains it."""

import re
from pathlib import Path

from autoconnect.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
#: What compose decides itself, or which means nothing to containers.
OWN = {"redis_url", "data_dir", "upload_dir", "source", "health_file", "host", "open_without_key", "port", "workers"}


def names(pattern: str, page: str) -> set[str]:
    return {name.lower() for name in re.findall(pattern, (ROOT / page).read_text(), re.MULTILINE)}


def test_every_setting_that_makes_sense_there_is_passed_on_and_explained() -> None:
    expected = set(Settings.model_fields) - OWN
    assert names(rf"^{PREFIX}(\w+)=", ".env.example") == expected
    passed_on = names(rf"^  {PREFIX}(\w+):(?: \$\{{{PREFIX}\w+:-\w+\}})?$", "docker-compose.yml")
    assert passed_on == expected


def test_compose_decides_only_over_settings_that_there_are() -> None:
    assert names(rf"{PREFIX}(\w+):", "docker-compose.yml") <= set(Settings.model_fields)
