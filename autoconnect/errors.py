"""The errors a user can meet. Each message is one sentence that names the thing, its value and what was expected.

AutoConnectError
├── SettingsError            a setting is invalid; nothing has started
├── SourceError              the source cannot be read as a transactions CSV
│   ├── SourceNotFound       there is no such source
│   ├── SourceUnusable       it is nothing that a job may read
│   ├── SourceChanged        its size or mtime is not what the plan was made of
│   └── RecordCrossesBatch   a record lies across the edge of two batches; not told, the job is planned anew
├── BatchDropped             mapping a batch has become needless; not told, the worker goes on
├── CubeError                the cube cannot hold the result exactly
├── SelectionError           a filter or a parameter of a metric cannot be read
└── BrokerUnavailable        Redis cannot be reached, or answers with an error
    └── BrokerFull           it is out of memory and refuses to write
"""


class AutoConnectError(Exception):
    """Root of all errors that are told to a user in one sentence."""


class SettingsError(AutoConnectError):
    """Raised when a setting has a value that cannot work."""


class SourceError(AutoConnectError):
    """Raised when a source cannot be read as a transactions CSV."""


class SourceNotFound(SourceError):
    """Raised when no file of the source's name is in the upload or data folder."""


class SourceUnusable(SourceError):
    """Raised when a source's name leads out of the folder, or to no regular file that can be read."""


class SourceChanged(SourceError):
    """Raised when a source is no longer the file that was planned."""


class RecordCrossesBatch(SourceError):
    """Raised when a quote that opens in a batch is closed behind its edge: the source has to be cut otherwise."""


class BatchDropped(AutoConnectError):
    """Raised in the middle of a batch when its result could not count any more."""


class CubeError(AutoConnectError):
    """Raised when a sum would leave 64 bits, or the cells are more than MAX_CELLS."""


class SelectionError(AutoConnectError):
    """Raised when a filter or a parameter cannot be read; `name` is the one at fault."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class BrokerUnavailable(AutoConnectError):
    """Raised when Redis cannot be reached, or answers with an error."""


class BrokerFull(BrokerUnavailable):
    """Raised when Redis is out of memory and refuses to write; nothing was written."""
