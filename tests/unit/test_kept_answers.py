"""Kept answers stay within their bytes; headers of clients are read as they mean."""

import tracemalloc

import pytest

from api.encoding import accepts_gzip, knows
from api.kept_answers import KeptAnswer, KeptAnswers, Key, kept_bytes

MIB = 1 << 20


def key(number: int) -> Key:
    query = f"city=none{number:06}".encode()
    return Key("an id of a job", "a version of a result", "/api/v1/metrics/summary", query, b"*/*", False)


def answer(number: int, size: int = 1_000) -> KeptAnswer:
    names = ("content-type", "content-length", "etag", "vary", "cache-control", "content-disposition")
    headers = [(f"{name}".encode(), f"value {number:06}".encode()) for name in names]
    return KeptAnswer(headers, f'"{number:06}"'.encode(), b"%06d" % number + b"x" * size)


def test_ten_thousand_answers_take_no_more_memory_than_their_bytes() -> None:
    kept = KeptAnswers(4 * MIB)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(10_000):
        kept.keep(key(number), answer(number))
        assert kept.bytes <= 4 * MIB
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 2 * MIB < used <= 4 * MIB
    assert kept.bytes > 3 * MIB


def test_the_answers_that_were_asked_for_last_stay() -> None:
    kept = KeptAnswers(20 * (answer(0).bytes_under(key(0)) + 1))
    for number in range(100):
        kept.keep(key(number), answer(number))
        assert kept.find(key(0)) == answer(0)
    assert [number for number in range(100) if kept.find(key(number))] == [0, *range(81, 100)]


def test_an_answer_that_is_kept_again_counts_once() -> None:
    kept = KeptAnswers(MIB)
    for _ in range(10):
        kept.keep(key(1), answer(1))
    assert kept.bytes == answer(1).bytes_under(key(1))


def test_an_answer_of_more_than_1_mib_or_than_all_bytes_is_not_kept() -> None:
    large, small = KeptAnswers(16 * MIB), KeptAnswers(2_000)
    large.keep(key(1), answer(1, size=2 * MIB))
    small.keep(key(1), answer(1))
    assert large.bytes == small.bytes == 0


@pytest.mark.parametrize(
    ("setting", "spare", "expected"),
    [(None, 1024 * MIB, 16 * MIB), (None, 64 * MIB, 4 * MIB), (0, 64 * MIB, 0), (10, 64 * MIB, 10)],
)
def test_kept_answers_take_a_part_of_the_memory(setting: int | None, spare: int, expected: int) -> None:
    assert kept_bytes(setting, spare) == expected
    assert kept_bytes(10**12, spare) == spare // 2


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.1", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("gzip;q=x", False),
    ],
)
def test_gzip_is_accepted_with_a_quality_above_0(sent: str, expected: bool) -> None:
    assert accepts_gzip(sent.encode()) is expected


def test_if_none_match_has_one_of_several_etags_or_a_star() -> None:
    for sent in (b'"a"', b'W/"a"', b'"b", "a"', b"*"):
        assert knows(sent, b'"a"')
    for sent in (b"", b'"b"', b"a"):
        assert not knows(sent, b'"a"')
