"""`make openapi`: writes docs/openapi.json, the description of the API with its default settings."""

import json
from pathlib import Path

from api.app import create_app
from autoconnect.settings import load_settings

PATH = Path(__file__).parents[2] / "docs" / "openapi.json"


def description() -> str:
    """The description as text; no Redis is asked."""
    document = create_app(load_settings(redis_url="redis://127.0.0.1:1/0", api_key_for_reading=False)).openapi()
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(description(), "utf-8")
