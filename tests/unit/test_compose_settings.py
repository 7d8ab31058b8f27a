"""The settings of the containers are those of the services: compose passes them on, and .env.example explains them."""

import re
from pathlib import Path

from autoconnect.settings import PREFIX, SECRETS, Settings

ROOT = Path(__file__).resolve().parents[2]
FILES = {f"{name.lower()}_file" for name in SECRETS}
#: Settings that compose sets itself, or that do not apply to containers.
OWN = {
    "redis_url",
    "redis_url_file",
    "data_dir",
    "upload_dir",
    "source",
    "health_file",
    "host",
    "open_without_key",
    "port",
    "workers",
    "engine",
    "dask_scheduler",
}


def names(pattern: str, page: str) -> set[str]:
    return {name.lower() for name in re.findall(pattern, (ROOT / page).read_text(), re.MULTILINE)}


def test_every_setting_of_containers_is_passed_on_and_explained() -> None:
    expected = (set(Settings.model_fields) | FILES) - OWN
    assert names(rf"^{PREFIX}(\w+)=", ".env.example") == expected
    passed_on = names(rf"^  {PREFIX}(\w+):(?: \$\{{{PREFIX}\w+:-\w+\}})?$", "docker-compose.yml")
    assert passed_on == expected


def test_compose_sets_known_settings_only() -> None:
    assert names(rf"{PREFIX}(\w+):", "docker-compose.yml") <= set(Settings.model_fields) | FILES
