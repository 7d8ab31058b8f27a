"""The public sample of 10,000 rows: the answers are known, and each metric equals the oracle's."""

from decimal import Decimal

from autoconnect.core.metrics import CATALOGUE, compute
from autoconnect.core.metrics.base import JobFacts
from autoconnect.core.partial import merge_partials
from autoconnect.core.sniffer import sniff_bytes
from autoconnect.core.splits import cut
from tests import oracle
from tests.sample import public_sample
from tests.unit.batches import map_ranges


def test_every_metric_of_the_public_sample_equals_the_oracles() -> None:
    data = public_sample().read_bytes()
    layout = sniff_bytes(data).layout
    ranges = list(cut(layout.data_start, len(data), 64 << 10, lambda offset, length: data[offset : offset + length]))
    assert len(ranges) > 5
    total = merge_partials(map_ranges(data, layout, ranges))
    assert (total.rows_accepted, total.rows_rejected) == (10_000, 0)

    rows, rejects = oracle.read_rows(data)
    assert rejects == []
    tables = {
        name: compute(metric, total.cube, JobFacts(10_000, 0, has_cost=False)).rows
        for name, metric in CATALOGUE.items()
    }
    assert tables == {name: oracle.metric(name, rows, 10_000, 0) for name in CATALOGUE}
    assert tables["summary"][0]["revenue"] == Decimal("269566472.27")
    assert {row["city"]: str(row["revenue"]) for row in tables["city-comparison"]} == {
        "Marseille": "93145122.32",
        "Paris": "89900347.13",
        "Lyon": "86521002.82",
    }
