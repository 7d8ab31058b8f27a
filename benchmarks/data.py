"""Makes the files that are measured: once, from a seed, so that every engine on every machine reads the same bytes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from autoconnect.generate import DIALECTS, PLAIN, Writer, generate

_SEED = 7
#: Rows made at a time. Each lot has its own seed, so that a smaller file is the head of a larger one.
_LOT = 1_000_000
_FIRST_DAY = np.datetime64("2022-01-01")
_DAYS = 1_096
#: Days and models of the file with a cell for every row, in all cities and both types.
_WIDE_DAYS, _WIDE_MODELS = 1_000, 20
_CITIES = pl.Series(["Paris", "Marseille", "Lyon", "Toulouse", "Bordeaux"])
_MODELS = pl.Series(["BMW X3", "Audi A4", "Peugeot 208", "Renault Clio", "Tesla Model 3", "Mercedes C Class"])

_DIALECT_FORMS = {name: writer for name, writer in DIALECTS.items() if name not in ("plain", "spaces")}
#: Ways to write the same transactions: the first one is plain, each of the next differs from it in one thing.
FORMS: Mapping[str, Writer] = {
    "plain": PLAIN,
    "dates as 31/01/2024": replace(PLAIN, date=DIALECTS["fr-excel"].date),
    "spaces around fields": DIALECTS["spaces"],
    "accents and a comment column": replace(
        PLAIN,
        header=(*PLAIN.header, "commentaire"),
        surplus=",véhicule livré à l'été",
        spellings={"Lyon": ["Saint-Étienne"], "Renault Clio": ["Citroën C3"]},
    ),
    "every field in quotes": replace(PLAIN, before='"', between='","', after='"'),
    "grouped amounts with a currency": replace(PLAIN, between=";", amount=DIALECTS["fr-excel"].amount),
    "months as 12.0": replace(PLAIN, months="{}.0"),
    "CR line ends": replace(PLAIN, line_end="\r"),
    **_DIALECT_FORMS,
}
_FORM_SEED = 7
#: Invisible characters, which only the plain mapper reads.
_SLOW = replace(PLAIN, between=",\u200b")


def make_file(folder: Path, rows: int) -> Path:
    """The file with `rows` rows that all engines read; written if it does not exist."""
    pieces = (lot.write_csv(include_header=number == 0).encode() for number, lot in enumerate(_lots(rows)))
    return _made(folder / f"plain-{rows}.csv", pieces)


def make_form(folder: Path, rows: int, form: str) -> Path:
    """The file with `rows` rows in one of FORMS, which all have the same transactions; written if it does not exist."""
    writer = FORMS[form]
    pieces = (text.encode(writer.encoding) for text in generate(rows, _FORM_SEED, writer=writer))
    return _made(folder / f"form-{form.replace(' ', '-').replace('/', '-')}-{rows}.csv", pieces)


def make_uneven(folder: Path, rows: int) -> Path:
    """The plain form with `rows` rows, then some that take much longer; written if it does not exist."""
    slow_rows = rows // 100
    slow = "".join(generate(slow_rows, _FORM_SEED + 1, writer=_SLOW)).partition("\n")[2]
    return _made(
        folder / f"uneven-{rows}-{slow_rows}.csv", (make_form(folder, rows, "plain").read_bytes(), slow.encode())
    )


def make_wide(folder: Path) -> Path:
    """A file of 200,000 rows, no two of the same city, day, type and model; written if it does not exist."""
    return _made(folder / f"wide-{_WIDE_MODELS * _WIDE_DAYS * 10}.csv", _wide_rows())


def _wide_rows() -> Iterator[bytes]:
    yield ",".join(PLAIN.header).encode() + b"\n"
    kinds = (("vente", 20_000, ""), ("location", 400, "6"))
    cells = product(range(_WIDE_DAYS), _CITIES, kinds, range(_WIDE_MODELS))
    for number, (day, city, (kind, price, months), model) in enumerate(cells):
        date = _FIRST_DAY + day
        yield f"TX{number},{date},{city},{kind},Model {model:02},{price + number % 997}.50,{months}\n".encode()


def _made(path: Path, pieces: Iterable[bytes]) -> Path:
    """The file with these bytes, which are asked for only if it does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.writelines(pieces)
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
