"""The tally of a batch in the making. It needs no pandas, so that a process that only checks sources stays small."""

from collections import Counter

from autoconnect.core.layout import Layout
from autoconnect.core.notes import shown
from autoconnect.core.partial import MAX_REJECTS
from autoconnect.core.records import Record
from autoconnect.core.rows import Row
from autoconnect.core.schema import Refused
from autoconnect.core.tally import MAX_RAW, OTHER_DATE_ORDER, Reject, Sighting


class BatchTally:
    """Counts the rejected rows and the unusual records of a batch, given in the order of their lines."""

    def __init__(self, layout: Layout, batch: int) -> None:
        self._encoding = layout.encoding
        self._batch = batch
        self.rejected: Counter[str] = Counter()
        self.rejects: list[Reject] = []
        self.first_rejects: dict[str, Reject] = {}
        self.sightings: dict[str, Sighting] = {}

    def add(self, row: Row) -> None:
        """Count a row; of an accepted one, only the unusual kinds of its record."""
        if row.refused:
            self._reject(row.record, row.refused)
        for kind in row.sightings:
            seen = self.sightings.get(kind)
            if not seen:
                value = row.refused.value if row.refused and kind == OTHER_DATE_ORDER else self._excerpt(row.record.raw)
                seen = Sighting(0, self._batch, row.record.line, shown(value))
            self.sightings[kind] = seen._replace(records=seen.records + 1)

    def _reject(self, record: Record, refused: Refused) -> None:
        reason = refused.reason
        self.rejected[reason] += 1
        if len(self.rejects) < MAX_REJECTS or reason not in self.first_rejects:
            excerpt = self._excerpt(record.raw)
            reject = Reject(self._batch, record.line, reason, excerpt, refused.column, refused.value)
            self.first_rejects.setdefault(reason, reject)
            if len(self.rejects) < MAX_REJECTS:
                self.rejects.append(reject)

    def _excerpt(self, raw: bytes) -> str:
        """The first MAX_RAW characters of a record; a character has 4 bytes at most."""
        return raw[: 4 * MAX_RAW].decode(self._encoding, "backslashreplace")[:MAX_RAW]
