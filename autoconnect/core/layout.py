"""The layout of a source: its dialect, and where its columns and its rows are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from autoconnect.core.dialect import Dialect, Encoding
from autoconnect.core.notes import Note
from autoconnect.core.records import Form


@dataclass(frozen=True)
class Layout:
    """The form in which a source is written; a worker needs it to read a batch.

    `fields` is the number of fields of the header. `positions` maps the meaning of each column that is used to its
    index among the fields, `constants` that of a column that the source lacks to the text that stands in every row;
    optional columns may be in neither. `names` has the fields of the header as they are written, `meanings` what each
    of them means, used or not, or None. `given_columns` are what the user gave of columns, and `types` maps further
    words, folded, to types. `data_start` is the offset of the first byte after the header, and `header_lines` the
    number of physical lines before that byte. If `has_sep_line`, the first line names the delimiter (`sep=;`), and such
    lines are skipped.
    """

    dialect: Dialect
    fields: int
    positions: Mapping[str, int]
    data_start: int
    header_lines: int
    names: Sequence[str] = ()
    meanings: Sequence[str | None] = ()
    constants: Mapping[str, str] = field(default_factory=dict)
    given_columns: Mapping[str, str | None] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    has_sep_line: bool = False

    @property
    def encoding(self) -> Encoding:
        return self.dialect.encoding

    @property
    def delimiter(self) -> str:
        return self.dialect.delimiter

    @property
    def line_end(self) -> bytes:
        """The byte that ends a physical line."""
        return b"\r" if self.dialect.line_end == "cr" else b"\n"

    @property
    def form(self) -> Form:
        """How the records of the source are split."""
        return Form(self.delimiter.encode(), self.line_end, self.encoding)

    def dialect_fields(self) -> dict[str, Any]:
        """The dialect as a job shows it, with the columns that are used, and the further words for types."""
        fields = asdict(self.dialect)
        del fields["given"]
        columns = {meaning: self.names[index] for meaning, index in self.positions.items()}
        constants = {meaning: f"={text}" for meaning, text in self.constants.items()}
        return {**fields, "columns": {**columns, **constants}, "types": dict(self.types)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The layout with the fields that `asdict` returned, after a way through JSON."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        values["dialect"] = Dialect(**{**fields["dialect"], "given": tuple(fields["dialect"]["given"])})
        values["notes"] = tuple(Note(**note) for note in fields["notes"])
        return cls(**values)
