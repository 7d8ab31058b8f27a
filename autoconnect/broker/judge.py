"""Whether a process whose lease has ended may be judged dead."""

import time

from autoconnect.broker import server
from autoconnect.broker.connection import Client


class Judge:
    """Judges nobody for one lease after Redis was away or its clock jumped: leases of live processes may have ended.

    A new run id, a failed call or a late tick shows that Redis was away. Leases end by the server's clock: it jumped if
    its offset from the local monotonic clock changed.
    """

    def __init__(self, client: Client, lease_ms: int) -> None:
        self._client = client
        self._lease_s = lease_ms / 1_000
        self._server_run_id = ""
        self._server_offset_s = 0.0
        self._last_tick = float("-inf")
        self._judges_from = float("inf")

    @property
    def may_judge(self) -> bool:
        """Whether a lease that has ended now means a death."""
        return time.monotonic() >= self._judges_from

    def tick(self) -> None:
        """Look at the server; call it several times per lease, since a late call counts as an absence of Redis."""
        server_run_id, server_s = server.run_id(self._client), server.time_ms(self._client) / 1_000
        now = time.monotonic()
        jump_s = server_s - now - self._server_offset_s
        is_late = now - self._last_tick > self._lease_s / 2
        if server_run_id != self._server_run_id or is_late or abs(jump_s) > self._lease_s / 2:
            self._judges_from = now + self._lease_s
        self._server_run_id, self._server_offset_s, self._last_tick = server_run_id, server_s - now, now

    def note_absence(self) -> None:
        """Note that Redis did not answer: processes could not renew their leases."""
        self._server_run_id = ""
        self._judges_from = float("inf")
