"""Answers of an API whose services are being struck."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2


def answer(call: Callable[[], httpx2.Response]) -> Any:
    """The API's answer, with exact decimals, or None if the API or its Redis is away."""
    try:
        response = call()
    except httpx2.HTTPError:
        return None
    if response.status_code == 503:
        return None
    assert response.is_success, response.text
    return json.loads(response.text, parse_float=Decimal)
