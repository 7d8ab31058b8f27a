"""Every chart becomes a picture of its size, with the names of files as they stand there."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from html import unescape
from typing import Any

import pytest

from autoconnect.core.charts import CHARTS, HEIGHTS, WIDTHS, Style
from autoconnect.core.cube import Cube
from tests.oracle import Row
from tests.unit.batches import cube_of_rows
from tests.unit.charts import rows_of, spec_of

#: A child draws, since the threads of the library would outlive the test.
_DRAW = """
import json, sys, vl_convert
specs = json.load(sys.stdin)
print(json.dumps([vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]) for spec in specs]))
"""
#: Short enough for the labels of rows.
CITY, MODEL = "P'\"]+\\<b>&", "data:a{{b}}"
STYLES = {
    "light": Style(currency="EUR"),
    "dark": Style(theme="dark", language="fr", currency="CHF"),
    "small": Style(width=WIDTHS[0], height=HEIGHTS[0], language="fr"),
}


def pictures_of(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    child = subprocess.run([sys.executable, "-c", _DRAW], input=json.dumps(specs), capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (0, "")
    pictures: list[str] = json.loads(child.stdout)
    return pictures


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_chart_can_be_drawn(style: Style) -> None:
    cubes = [Cube.empty(), cube_of_rows(rows_of(3, 4)), cube_of_rows(rows_of(60, 37, count=4_000, years=12))]
    specs = [spec_of(name, cube, style) for cube in cubes for name in CHARTS]
    for spec, picture in zip(specs, pictures_of(specs), strict=True):
        assert f'width="{spec["width"]}" height="{spec["height"]}"' in picture
        assert spec["title"]["text"][0] in unescape(picture)
        assert "NaN" not in picture
        assert "undefined" not in picture


def test_names_stand_in_pictures_as_in_the_file() -> None:
    rows = [Row(str(n), date(2023 + n, 1, 1), CITY, "location", MODEL, 100, 5, 50) for n in range(2)]
    specs = {name: spec_of(name, cube_of_rows(rows), Style()) for name in CHARTS}
    for name, picture in zip(specs, pictures_of(list(specs.values())), strict=True):
        shows_cities = name not in ("summary", "seasonality", "trend", "year-over-year")
        assert (f">{CITY}<" in unescape(picture)) == shows_cities, name
        assert (f">{MODEL}<" in unescape(picture)) == (name in ("top-models", "rental-duration")), name
        assert "<b>" not in picture
        assert "href" not in picture.replace("xlink", "")
        assert "<image" not in picture


def test_amounts_on_axes_are_short_and_in_the_language() -> None:
    rows = [Row("1", date(2024, 1, 1), "Paris", "vente", "A", 250_000_000, None, 1)]
    specs = [spec_of("monthly-revenue", cube_of_rows(rows), style) for style in (STYLES["light"], STYLES["dark"])]
    english, french = pictures_of(specs)
    assert all(f">{label}<" in english for label in ("€0", "€500k", "€1M", "€2.5M"))
    assert all(f">{label}<" in french for label in ("0\u00a0CHF", "500\u00a0k\u00a0CHF", "2,5\u00a0M\u00a0CHF"))
