"""Makes the files that are measured: once, from a seed, so that every engine on every machine reads the same bytes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

_SEED = 7
#: Rows made at a time. Each lot has its own seed, so that a smaller file is the head of a larger one.
_LOT = 1_000_000
_FIRST_DAY = np.datetime64("2022-01-01")
_DAYS = 1_096
_CITIES = pl.Series(["Paris", "Marseille", "Lyon", "Toulouse", "Bordeaux"])
_MODELS = pl.Series(["BMW X3", "Audi A4", "Peugeot 208", "Renault Clio", "Tesla Model 3", "Mercedes C Class"])
_COMMENTS = pl.Series(["client fidèle, à rappeler", "", "véhicule livré à l'été", "payé comptant; reçu envoyé"])


@dataclass(frozen=True)
class Form:
    """A way to write the same transactions: a change to the rows, then the options of polars' `write_csv`."""

    change: Callable[[pl.DataFrame], pl.DataFrame]
    options: Mapping[str, Any]


def _accented(rows: pl.DataFrame) -> pl.DataFrame:
    comment = _COMMENTS.gather(pl.int_range(len(rows), eager=True) % len(_COMMENTS))
    return rows.with_columns(
        pl.col("ville").replace({"Lyon": "Saint-Étienne"}),
        pl.col("modele").replace({"Renault Clio": "Citroën C3"}),
        comment.alias("commentaire"),
    )


def _spaced(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.all().cast(pl.String).str.replace("^", " "))


FORMS: Mapping[str, Form] = {
    "plain": Form(lambda rows: rows, {}),
    "every field in quotes": Form(lambda rows: rows, {"quote_style": "always"}),
    "accents and a comment column": Form(_accented, {}),
    "spaces before fields": Form(_spaced, {}),
    "semicolons and decimal commas": Form(lambda rows: rows, {"separator": ";", "decimal_comma": True}),
}


def make_file(folder: Path, rows: int, form: str = "plain") -> Path:
    """The file with `rows` rows in a form; written if it does not exist."""
    path = folder / f"{form.replace(' ', '-')}-{rows}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            for number, lot in enumerate(_lots(rows)):
                FORMS[form].change(lot).write_csv(file, include_header=number == 0, **FORMS[form].options)
        unfinished.rename(path)
    return path


def _lots(rows: int) -> Iterator[pl.DataFrame]:
    for first in range(0, rows, _LOT):
        yield _lot(first).head(rows - first)


def _lot(first: int) -> pl.DataFrame:
    """A lot of rows from number `first` on; each of the 65,760 cells (city, type, model, day) is equally likely."""
    random = np.random.default_rng([_SEED, first])
    sold = random.random(_LOT) < 0.5
    cents = np.where(sold, random.integers(1_500_000, 9_000_000, _LOT), random.integers(20_000, 150_000, _LOT))
    months = pl.Series(random.integers(1, 49, _LOT))
    return pl.DataFrame(
        {
            "transaction_id": pl.int_range(first + 1, first + _LOT + 1, eager=True),
            "date": _FIRST_DAY + random.integers(0, _DAYS, _LOT).astype("timedelta64[D]"),
            "ville": _CITIES.gather(random.integers(0, len(_CITIES), _LOT)),
            "type": pl.Series(["location", "vente"]).gather(sold.astype(np.int64)),
            "modele": _MODELS.gather(random.integers(0, len(_MODELS), _LOT)),
            "prix": cents / 100,
            "duree_location_mois": months.set(pl.Series(sold), None),
        }
    ).with_columns(pl.format("TX{}", pl.col("transaction_id").cast(pl.String).str.zfill(9)).alias("transaction_id"))
