"""A file that is saved is named by its table, its source and its period, in any header and on any system."""

from urllib.parse import unquote

import pytest

from api.downloads import disposition


@pytest.mark.parametrize(
    ("source", "first", "last", "name"),
    [
        ("transactions_autoconnect.csv", None, None, "trend_transactions_autoconnect.csv"),
        ("june.csv", "2024-01", "2024-06", "trend_june_2024-01_2024-06.csv"),
        ("june.csv", "2024-01-31", None, "trend_june_from_2024-01-31.csv"),
        ("june.csv", None, "2024-06", "trend_june_to_2024-06.csv"),
        (None, None, None, "trend.csv"),
        ("sites/june 2024.csv", None, None, "trend_june_2024.csv"),
        ('a"b\\c\r\nX: y.csv', None, None, "trend_a_b_c_X_y.csv"),
    ],
)
def test_a_file_is_named_by_table_source_and_period(
    source: str | None, first: str | None, last: str | None, name: str
) -> None:
    assert disposition("trend", source, first, last, ".csv") == f'attachment; filename="{name}"'


def test_a_name_beyond_ascii_is_given_in_both_forms() -> None:
    header = disposition("trend", "été 🚗 東京.csv", None, None, ".xlsx")
    plain, encoded = header.removeprefix("attachment; ").split("; ")
    assert plain == 'filename="trend_ete_.xlsx"'
    assert encoded.startswith("filename*=UTF-8''trend_%C3%A9t%C3%A9_")
    assert unquote(encoded.removeprefix("filename*=UTF-8''")) == "trend_été_東京.xlsx"
    assert header.isascii()


def test_a_long_name_fits_into_a_folder() -> None:
    header = disposition("trend", "é" * 250 + ".csv", None, None, ".parquet")
    name = unquote(header.partition("filename*=UTF-8''")[2])
    assert len(name.encode()) <= 255
    assert name.endswith(".parquet")
