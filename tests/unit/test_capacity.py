"""How many cells a job may have follows from the smallest memory among Redis and the services."""

import pytest

from autoconnect.broker.server import Memory, Share
from autoconnect.core.capacity import CELL_BYTES, NEEDS, Holder, most_cells

MIB = 1 << 20
ALONE = [Holder(service, 512 * MIB, pool=f"container of {service}") for service in NEEDS]


def peak(service: str, cells: int) -> int:
    """The memory of a service at its peak."""
    return NEEDS[service].base + cells * NEEDS[service].per_cell


def test_a_sum_of_the_most_cells_fits_into_what_is_reserved_for_it() -> None:
    reserved = Memory(used=0, maximum=384 * MIB).reserved
    cells = most_cells([], reserved)
    assert 0 < cells * CELL_BYTES < reserved
    full = Memory(used=int(384 * MIB * Share.COMMIT.value), maximum=384 * MIB)
    assert full.may_stage(cells * CELL_BYTES)
    assert not full.may_stage(cells * CELL_BYTES * 2)


@pytest.mark.parametrize("service", NEEDS)
def test_the_peak_of_every_service_fits_into_its_memory(service: str) -> None:
    cells = most_cells(ALONE, 0)
    assert peak(service, cells) <= 512 * MIB


def test_the_smallest_memory_decides() -> None:
    small = Holder("api", 256 * MIB, pool="small")
    assert most_cells([*ALONE, small], 0) == most_cells([small], 0) < most_cells(ALONE, 0)


def test_services_of_one_machine_share_its_memory_even_if_all_have_their_peaks_at_once() -> None:
    services = ["worker", "worker", "worker", "aggregator", "api"]
    for size in (4 << 30, 24 << 30):
        cells = most_cells([Holder(service, size, "machine") for service in services], 0)
        # The embedded server may take a quarter.
        assert sum(peak(service, cells) for service in services) <= size * 3 / 4
        assert cells > size >> 14


def test_however_little_memory_there_is_the_sample_fits() -> None:
    assert most_cells([Holder("worker", 64 * MIB, "small")], 100_000) == 10_000


def test_a_worker_that_has_a_machine_for_itself_uses_most_of_it() -> None:
    assert most_cells([Holder("worker", 8 << 30, "machine")], 0) > 2 * most_cells(
        [Holder("worker", 8 << 30, "machine")] * 3, 0
    )
