"""The public sample of 10,000 rows, which is not part of the project but may lie beside it."""

from pathlib import Path

from tests.required import require

_PATH = Path(__file__).parents[2] / "shared" / "data" / "transactions_autoconnect.csv"


def public_sample() -> Path:
    """The path of the sample; without it the test skips, or fails if it is required."""
    if not _PATH.exists():
        require("sample", f"the public sample is not at {_PATH}")
    return _PATH
