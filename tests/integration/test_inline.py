"""Lines that travel through Redis: in pieces if they are long."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from autoconnect.broker.connection import Argument
from autoconnect.broker.keys import JobKeys
from tests.integration.stack import Stack, expected_metrics


def test_long_lines_travel_in_pieces(make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoconnect.broker.staging.MAX_ARGUMENT_BYTES", 100)
    stack = make_stack(batch_transport="inline")
    source = stack.generated()
    worker, job_id = stack.worker(), stack.planned(source)
    pieces = stack.client.call("HKEYS", JobKeys(job_id).lines)
    assert {b"0", b"0/1", b"0/2"} <= set(pieces)
    worker.round()
    assert not any(piece.startswith(b"0") for piece in stack.client.call("HKEYS", JobKeys(job_id).lines))
    stack.finish(job_id, worker)
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())


def test_a_batch_whose_piece_was_lost_is_fed_again(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given long lines / When Redis loses a piece before the last one arrives, I expect the batch to be fed again"""
    monkeypatch.setattr("autoconnect.broker.staging.MAX_ARGUMENT_BYTES", 100)
    stack = make_stack(batch_transport="inline")
    source = stack.generated()
    job_id = stack.submit(source)
    run_script = stack.client.run_script
    lost: list[int] = []

    def lose_a_piece(name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        if name == "feed_batch" and not lost:
            lost.append(stack.client.call("HDEL", JobKeys(job_id).lines, "0/1"))
        return run_script(name, keys, arguments)

    monkeypatch.setattr(stack.client, "run_script", lose_a_piece)
    stack.orchestrator.round()
    assert lost == [1]
    stack.finish(job_id, stack.worker())
    assert stack.metrics(job_id) == expected_metrics((stack.settings.data_dir / source).read_bytes())
