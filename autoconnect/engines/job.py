"""A job that is not in Redis, as it is shown while an engine runs it."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from autoconnect.client import Watcher
from autoconnect.core.notes import Note
from autoconnect.core.partial import Partial
from autoconnect.core.plan import Plan
from autoconnect.core.splits import ByteRange
from autoconnect.models import BatchCounts, ByteCounts, Job, JobDialect, JobNote, JobStatus, ResultState, RowCounts


class EngineJob:
    """Tells its watcher about each change."""

    def __init__(self, source: str, watch: Watcher) -> None:
        now = datetime.now(UTC)
        self._watch = watch
        self.shown = Job(
            id=secrets.token_hex(8),
            status=JobStatus.PLANNING,
            source=source,
            created_at=now,
            started_at=now,
            finished_at=None,
            duration_s=0.0,
            batches=BatchCounts(total=0, done=0, retried=0, dead=0),
            rows=RowCounts(read=0, accepted=0, rejected=0),
            rejected_by_reason={},
            dialect=None,
            notes=[],
            bytes=ByteCounts(total=0, done=0),
            progress=0.0,
            rows_per_s=None,
            eta_s=None,
            published=False,
            result=None,
            waits_for=None,
            error=None,
        )

    def is_planned(self, plan: Plan) -> None:
        """Show the batches to map, and how the file is read."""
        [part] = plan.parts
        self._change(
            status=JobStatus.RUNNING,
            dialect=JobDialect(**part.layout.dialect_fields()),
            notes=_shown_notes(part.layout.notes),
            batches=self.shown.batches.model_copy(update={"total": len(plan.batches), "done": 0}),
            bytes=ByteCounts(total=plan.total_bytes, done=0),
            progress=0.0,
        )

    def has_mapped(self, batch: ByteRange) -> None:
        """Count one more mapped batch."""
        before = self.shown
        done = before.bytes.done + batch.length
        self._change(
            batches=before.batches.model_copy(update={"done": before.batches.done + 1}),
            bytes=ByteCounts(total=before.bytes.total, done=done),
            progress=done / before.bytes.total,
        )

    def is_mapped(self, total: Partial) -> None:
        """Show that all batches are mapped; `total` is their sum."""
        self._change(
            status=JobStatus.REDUCING,
            rows=RowCounts(read=total.rows_read, accepted=total.rows_accepted, rejected=total.rows_rejected),
            rejected_by_reason=dict(sorted(total.rejected.items())),
        )

    def end(self, failure: str | None, notes: Iterable[Note] | None = None) -> Job:
        """End the job: completed, or failed if there is a failure. Without notes, those of planning stay."""
        before, now = self.shown, datetime.now(UTC)
        duration_s = (now - before.created_at).total_seconds()
        completed = failure is None
        self._change(
            status=JobStatus.COMPLETED if completed else JobStatus.FAILED,
            finished_at=now,
            duration_s=duration_s,
            notes=before.notes if notes is None else _shown_notes(notes),
            progress=1.0 if completed else before.progress,
            rows_per_s=round(before.rows.read / duration_s, 1) if duration_s else None,
            result=ResultState.AVAILABLE if completed else None,
            error=failure,
        )
        return self.shown

    def _change(self, **fields: Any) -> None:
        self.shown = self.shown.model_copy(update=fields)
        self._watch(self.shown)


def _shown_notes(notes: Iterable[Note]) -> list[JobNote]:
    return [JobNote(**vars(note)) for note in notes]
