"""Answers of an API whose services are being struck."""

from collections.abc import Callable
from typing import Any

import httpx2
import simplejson


def answer(call: Callable[[], httpx2.Response]) -> Any:
    """The API's answer, with exact decimals, or None if the API or its Redis is away."""
    try:
        response = call()
    except httpx2.HTTPError:
        return None
    if response.status_code == 503:
        return None
    assert response.is_success, response.text
    return simplejson.loads(response.text, use_decimal=True)
