"""The errors that users see. Each message is one sentence that names the thing, its value and what was expected.

AutoConnectError
├── SettingsError            a setting is invalid; nothing has started
├── SourceError              the source cannot be read as a transactions CSV
│   ├── SourceNotFound       no file has the source's name
│   ├── SourceUnusable       a job may not, or cannot, read the file
│   ├── SourceChanged        it no longer has the version that was planned
│   └── RecordCrossesBatch   a record lies across the edge of two batches; not shown: the job is replanned
├── TooManyJobs              as many jobs are open as MAX_OPEN_JOBS allows
├── BatchDropped             the batch no longer needs doing; not shown: the worker continues
├── CubeError                the cube cannot hold the result exactly
├── SelectionError           a filter or a parameter of a metric cannot be read
├── StateDamaged             the embedded server cannot load its data
└── Unavailable              something outside this process is away; services try again
    ├── ClusterUnavailable   the Dask cluster cannot be reached, or has no workers
    └── BrokerUnavailable    Redis cannot be reached, or answers with an error
        ├── BrokerLoading    Redis has started and still loads its data
        ├── BrokerFull       Redis is out of memory and refuses to write
        └── BrokerSilent     Redis cannot be reached, or does not answer in time
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

#: Names of columns and their meanings, None if they have none.
NamedColumns = Sequence[tuple[str, str | None]]


class AutoConnectError(Exception):
    """Root of all errors that users see as one sentence."""


class SettingsError(AutoConnectError):
    """Raised when a setting has a value that cannot work."""


class SourceError(AutoConnectError):
    """Raised when a source cannot be read as a transactions CSV.

    `part` is the part of the dialect that its user can give to settle it, empty if there is none. If it is `columns`,
    `columns` has the names in the header, or in the line that comes closest to one, with their meanings.
    """

    def __init__(self, message: str, *, part: str = "", columns: NamedColumns = ()) -> None:
        super().__init__(message)
        self.part = part
        self.columns = columns


class SourceNotFound(SourceError):
    """Raised when no file of the source's name is in the upload or data folder."""


class SourceUnusable(SourceError):
    """Raised when a source's name leads out of its folder, or not to a regular file that can be read."""


class SourceChanged(SourceError):
    """Raised when a source no longer has the version that was planned."""


class RecordCrossesBatch(SourceError):
    """Raised when a quote that opens in a batch closes after its edge: the source must be cut between records."""


class TooManyJobs(AutoConnectError):
    """Raised when a job is submitted while as many jobs are open as MAX_OPEN_JOBS allows."""


class BatchDropped(AutoConnectError):
    """Raised while a batch is mapped, when its commit could no longer count."""


class CubeError(AutoConnectError):
    """Raised when a sum would leave 64 bits, or a cube has more than MAX_CELLS cells."""


class SelectionError(AutoConnectError):
    """Raised when a filter or a parameter cannot be read; `name` is the one at fault."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class StateDamaged(AutoConnectError):
    """Raised when the embedded server cannot load its data, or would lose some of it without a word.

    `file` is the cause. If it `can_be_cut`, the commands before the damage can be kept.
    """

    def __init__(self, message: str, file: Path, *, can_be_cut: bool) -> None:
        super().__init__(message)
        self.file = file
        self.can_be_cut = can_be_cut


class Unavailable(AutoConnectError):
    """Raised when something outside this process cannot be reached, or does not work.

    Logs say `away` while it is unavailable, and `back` once it is available again.
    """

    away: ClassVar[str]
    back: ClassVar[str]


class ClusterUnavailable(Unavailable):
    """Raised when the Dask cluster cannot be reached, or has no workers."""

    away = "cluster unavailable"
    back = "cluster available again"


class BrokerUnavailable(Unavailable):
    """Raised when Redis cannot be reached, or answers with an error."""

    away = "redis unavailable"
    back = "redis available again"


class BrokerFull(BrokerUnavailable):
    """Raised when Redis is out of memory and refuses to write, or soon would; nothing was written.

    `fits_below` is the use of memory in bytes up to which there is room, None if that is not known.
    """

    def __init__(self, message: str, *, fits_below: int | None = None) -> None:
        super().__init__(message)
        self.fits_below = fits_below


class BrokerLoading(BrokerUnavailable):
    """Raised while Redis loads its data after its start: it will answer later."""


class BrokerSilent(BrokerUnavailable):
    """Raised when Redis cannot be reached, or does not answer in time."""
