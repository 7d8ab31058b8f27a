"""Sources of all forms, each with its result from the plain oracle."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path
from random import Random

from autoconnect.core.metrics import CATALOGUE
from autoconnect.generate import generate
from tests import oracle
from tests.files import slow_to_map

#: Smallest and largest number of rows.
_ROWS = (4_000, 24_000)
#: Rows of a source of many models: enough for a large job, whose partials and result are staged.
_MANY_ROWS = 40_000
#: Names that are hard to read, in place of plain ones.
_HARD_NAMES = {"Lyon": "Saint-Étienne", "Bordeaux": "Aix_en  Provence", "Audi A4": "Citroën_C3"}


@dataclass(frozen=True)
class Source:
    """A file in the data folder, and the result that each of its jobs must have; `rentals` is their summary."""

    name: str
    size: int
    rows_read: int
    rejects: list[tuple[int, str]]
    metrics: Mapping[str, oracle.Table]
    rentals: oracle.Table

    @property
    def rejected_by_reason(self) -> Mapping[str, int]:
        return Counter(reason for _, reason in self.rejects)

    @property
    def answers(self) -> Mapping[str, oracle.Table]:
        """The rows that the API answers, by path."""
        paths = {f"metrics/{name}": table for name, table in self.metrics.items()}
        return {**paths, "metrics/summary?type=rental": self.rentals}


def make_another(folder: Path, name: str, random: Random) -> Source:
    """Write a small source, in place of another one if it has the same name."""
    data = _tiny(random)
    new = folder / f"{name}.new"
    new.write_bytes(data[0])
    new.rename(folder / name)
    return _expected(name, *data)


def make_sources(seed: int, folder: Path, context: BaseContext) -> list[Source]:
    """Write one source of each form."""
    with ProcessPoolExecutor(mp_context=context) as pool:
        return list(pool.map(_make, range(len(_FORMS)), [seed] * len(_FORMS), [folder] * len(_FORMS)))


def _make(number: int, seed: int, folder: Path) -> Source:
    random = Random(f"{seed} {number}")
    form = _FORMS[number]
    data, encoding, delimiter = form(random)
    name = f"{number}{form.__name__}.csv"
    (folder / name).write_bytes(data)
    return _expected(name, data, encoding, delimiter)


def _expected(name: str, data: bytes, encoding: str, delimiter: str) -> Source:
    rows, rejects = oracle.read_rows(data, encoding, delimiter)
    read = len(rows) + len(rejects)
    metrics = {metric: oracle.metric(metric, rows, read, len(rejects)) for metric in CATALOGUE}
    rentals = oracle.metric("summary", oracle.select(rows, type="rental"), read, len(rejects))
    return Source(name, len(data), read, rejects, metrics, rentals)


def _generated(random: Random, bad_ratio: float) -> str:
    return "".join(generate(random.randint(*_ROWS), random.randrange(1 << 30), bad_ratio))


def _table(text: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text))


def _plain(random: Random) -> tuple[bytes, str, str]:
    return slow_to_map(_generated(random, 0.0)).encode(), "utf-8", ","


def _quick(random: Random) -> tuple[bytes, str, str]:
    """Rows that the kernel maps itself."""
    return _generated(random, 0.02).encode(), "utf-8", ","


def _bad(random: Random) -> tuple[bytes, str, str]:
    return slow_to_map(_generated(random, 0.3)).encode(), "utf-8", ","


def _costs(random: Random) -> tuple[bytes, str, str]:
    """Rows with costs, and with names that are hard to read."""
    lines = _generated(random, 0.02).splitlines()
    costs = ("", "1234.56", "99", "-1", "NULL")
    text = "".join(f"{line},{random.choice(costs) if index else 'cout'}\n" for index, line in enumerate(lines))
    for name, hard in _HARD_NAMES.items():
        text = text.replace(name, hard)
    return text.encode(), "utf-8", ","


def _decimal_commas(random: Random) -> tuple[bytes, str, str]:
    """A file as a French spreadsheet saves it."""
    text = "".join(";".join(fields).replace(".", ",") + "\r\n" for fields in _table(_generated(random, 0.05)))
    for name, hard in _HARD_NAMES.items():
        text = text.replace(name, hard)
    return text.encode("cp1252"), "cp1252", ";"


def _broken(random: Random) -> tuple[bytes, str, str]:
    """Quoted line breaks, some of them across the edges of batches: the job is replanned."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for index, fields in enumerate(_table(_generated(random, 0.02))):
        if index and random.random() < 0.05:
            fields[0] += "\n" * random.randint(1, 30)
            fields[2] = fields[2].replace("Lyon", "Saint\nDenis")
        writer.writerow(fields)
    return out.getvalue().encode(), "utf-8", ","


def _long(random: Random) -> tuple[bytes, str, str]:
    """A file that is larger than the others."""
    text = "".join(generate(3 * _ROWS[1], random.randrange(1 << 30), 0.01))
    return slow_to_map(text).encode(), "utf-8", ","


def _many_models(random: Random) -> tuple[bytes, str, str]:
    """A model of its own in nearly every row: a large job, which the aggregator's child reduces."""
    lines = "".join(generate(_MANY_ROWS, random.randrange(1 << 30), 0.01)).splitlines()
    model = re.compile("(?<=,vente,)[^,]+|(?<=,location,)[^,]+")
    renamed = [model.sub(f"Model {random.randrange(10 * _MANY_ROWS)}", line) for line in lines]
    return "\n".join(renamed).encode(), "utf-8", ","


def _tiny(random: Random) -> tuple[bytes, str, str]:
    """A file of a few batches."""
    return "".join(generate(300, random.randrange(1 << 30), 0.05)).encode(), "utf-8", ","


_FORMS: list[Callable[[Random], tuple[bytes, str, str]]] = [
    *(_plain, _quick, _bad, _costs, _decimal_commas, _broken, _long, _many_models, _tiny)
]
