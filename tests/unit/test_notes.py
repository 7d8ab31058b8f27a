"""The notes of a job are bounded where Redis keeps them, and no note is lost."""

import json

from hypothesis import given
from hypothesis import strategies as st

from autoconnect.broker.notes import notes_json
from autoconnect.core.notes import MAX_SHOWN, Note, shown

LIMIT = 32 << 10


def messages(*lengths: int, letter: str = "x") -> list[str]:
    notes = [Note("names_merged", letter * length, 1) for length in lengths]
    return [note["message"] for note in json.loads(notes_json(notes))]


def test_short_notes_are_kept_whole() -> None:
    notes = [Note("unused_columns", "Ä note.", 2), Note("repeated_headers", "", 1, 7)]
    assert [Note(**note) for note in json.loads(notes_json(notes))] == notes
    assert json.loads(notes_json([])) == []


def test_a_long_message_takes_what_the_short_ones_leave() -> None:
    short, long = messages(100, 100_000)
    assert (short, long) == ("x" * 100, "x" * (LIMIT - 100) + " ...")


def test_long_messages_share_the_room() -> None:
    assert [len(message) for message in messages(40_000, 10, 50_000)] == [
        (LIMIT - 10) // 2 + 4,
        10,
        (LIMIT - 10) // 2 + 4,
    ]


def test_no_letter_is_cut_in_two() -> None:
    (message,) = messages(20_000, letter="é")
    assert message == "é" * (LIMIT // 2) + " ..."


@given(st.lists(st.integers(0, 50_000), max_size=11))
def test_all_messages_together_have_at_most_32_kib(lengths: list[int]) -> None:
    kept = messages(*lengths)
    assert sum(len(message.removesuffix(" ...")) for message in kept) <= LIMIT
    assert len(kept) == len(lengths)
    if sum(lengths) <= LIMIT:
        assert [len(message) for message in kept] == lengths


def test_a_value_is_shown_with_at_most_80_characters_however_its_letters_are_written() -> None:
    assert shown("a\rb") == "aU+000Db"
    assert len(shown("\r" * 200)) == len(shown("x" * 200)) == MAX_SHOWN
