"""What was seen in a sample, and how a sentence shows it."""

from typing import Generic, NamedTuple, TypeVar

from autoconnect.core.notes import shown

T = TypeVar("T")


class Sighting(NamedTuple):
    """A value of the sample and its physical line in the source, the first being 1; None if it is in a window."""

    value: str
    line: int | None

    def __str__(self) -> str:
        place = "a line further on" if self.line is None else f"line {self.line:,}"
        return f"{place} has {shown(self.value)}"


class Judged(NamedTuple, Generic[T]):
    """A part of the dialect, and one short sentence that says what decided it."""

    value: T
    evidence: str


def given(value: T | None) -> Judged[T] | None:
    """A part of the dialect that the user gave, None if it must be judged."""
    return None if value is None else Judged(value, "given")
