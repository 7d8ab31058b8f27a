"""Nobody is judged for one lease after Redis was away: its run id, a failed call, a late tick or its clock shows it.

The server and the clocks are numbers that a test sets.
"""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from autoconnect.broker.connection import Client
from autoconnect.broker.judge import Judge
from autoconnect.errors import BrokerUnavailable

LEASE_S = 5.0
TICK_S = 1.0


@dataclass
class World:
    """A server that started `now` seconds ago, and an observer that ticks once a second."""

    judge: Judge
    now: float = 1_000.0
    run_id: str = "first"
    server_ahead_s: float = 1_700_000_000.0
    is_away: bool = False

    def tick(self) -> bool:
        """A tick of the judge after a second; returns whether it may judge."""
        self.now += TICK_S
        self.judge.tick()
        return self.judge.may_judge

    def ticks_until_it_judges(self) -> int:
        return next(number for number in range(1, 100) if self.tick())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Judge(cast(Client, None), int(1_000 * LEASE_S)))

    def answer(value: Any) -> Any:
        if world.is_away:
            raise BrokerUnavailable("away")
        return value

    monkeypatch.setattr("autoconnect.broker.judge.time.monotonic", lambda: world.now)
    monkeypatch.setattr("autoconnect.broker.judge.server.run_id", lambda _: answer(world.run_id))
    monkeypatch.setattr(
        "autoconnect.broker.judge.server.time_ms", lambda _: answer(int(1_000 * (world.now + world.server_ahead_s)))
    )
    return world


@pytest.fixture
def judging(world: World) -> World:
    """A world in which the judge may judge."""
    world.ticks_until_it_judges()
    return world


def test_it_does_not_judge_before_its_first_tick_and_one_lease(world: World) -> None:
    assert not world.judge.may_judge
    assert not world.tick()
    assert world.ticks_until_it_judges() == LEASE_S
    assert all(world.tick() for _ in range(100))


def test_a_new_run_id_shows_that_the_server_has_started_again(judging: World) -> None:
    judging.run_id = "second"
    assert not judging.tick()
    assert judging.ticks_until_it_judges() == LEASE_S


def test_a_late_tick_shows_that_the_server_or_this_process_was_away(judging: World) -> None:
    judging.now += 0.4 * LEASE_S - TICK_S
    assert judging.tick()
    judging.now += 0.6 * LEASE_S - TICK_S
    assert not judging.tick()
    assert judging.ticks_until_it_judges() == LEASE_S


@pytest.mark.parametrize("jump_s", [3.0, 3_600.0, -3.0, -3_600.0])
def test_a_jump_of_the_servers_clock_may_have_ended_leases(judging: World, jump_s: float) -> None:
    judging.server_ahead_s += jump_s
    assert not judging.tick()
    assert judging.ticks_until_it_judges() == LEASE_S


def test_a_clock_that_is_adjusted_slowly_is_no_jump(judging: World) -> None:
    for _ in range(100):
        judging.server_ahead_s += 0.4
        assert judging.tick()


def test_a_call_that_failed_counts_as_an_absence_until_a_tick_succeeds(judging: World) -> None:
    judging.judge.note_absence()
    assert not judging.judge.may_judge
    judging.is_away = True
    for _ in range(10):
        with pytest.raises(BrokerUnavailable):
            judging.tick()
        judging.judge.note_absence()
    judging.is_away = False
    judging.now += 10 * LEASE_S
    assert not judging.judge.may_judge
    assert not judging.tick()
    assert judging.ticks_until_it_judges() == LEASE_S


def test_an_absence_during_the_wait_begins_it_anew(judging: World) -> None:
    judging.run_id = "second"
    for _ in range(3):
        assert not judging.tick()
    judging.run_id = "third"
    assert not judging.tick()
    assert judging.ticks_until_it_judges() == LEASE_S
