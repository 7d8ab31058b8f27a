"""Fields survive being cut into pieces, however long their names and values are, and a lost piece always shows."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoconnect.broker import staging
from autoconnect.broker.staging import cut, join, size_of

NAMES = st.binary(max_size=40).map(lambda name: b"c" + name)
FIELDS = st.dictionaries(NAMES, st.binary(max_size=60), max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _small_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_PIECE_BYTES", 7)
        patch.setattr(staging, "_NAME_BYTES", 11)
        yield


@given(FIELDS)
def test_fields_survive_being_cut(fields: dict[bytes, bytes]) -> None:
    pieces = cut(fields)
    assert join(pieces) == fields
    assert join(dict(reversed(pieces.items()))) == fields
    assert all(len(value) <= 7 for value in pieces.values())
    assert all(len(name) <= 11 + len(b"10/") for name in pieces)


@given(FIELDS.filter(bool), st.data())
def test_a_lost_piece_shows(fields: dict[bytes, bytes], data: st.DataObject) -> None:
    pieces = cut(fields)
    lost = data.draw(st.sampled_from(sorted(pieces)))
    del pieces[lost]
    assert join(pieces) != fields


def test_names_like_those_of_pieces_are_not_mixed_up() -> None:
    fields = {b"c0/x": b"1", b"c": b"2" * 20, b"c#0" + b"x" * 20: b"3" * 20, b"c=0": b"4"}
    assert join(cut(fields)) == fields


def test_sizes_are_in_bytes() -> None:
    assert size_of({b"name": b"value"}) == 9
    assert size_of(["é€", b"abc"]) == 2 + 3 + 3
    assert size_of([]) == 0
