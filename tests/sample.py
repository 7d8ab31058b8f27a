"""The public sample of 10,000 rows, which lies beside the project where it is there."""

from pathlib import Path

from tests.required import require

_PATH = Path(__file__).parents[2] / "shared" / "data" / "transactions_autoconnect.csv"


def public_sample() -> Path:
    """Its path; the test skips where it isn't there, or fails where it must be."""
    if not _PATH.exists():
        require("sample", f"the public sample is not at {_PATH}")
    return _PATH
