"""Whether the service of a container is healthy: `python -m autoconnect.healthy 15` exits with 0 if it is.

Compose and Kubernetes run this every few seconds in each container, so it imports neither settings nor Redis.
"""

import os
import sys
import time

#: Seconds to wait for the answer of the API or of Dask's scheduler.
_TIMEOUT_S = 4


def problem(limit: str) -> str | None:
    """Why the service is not healthy, or None.

    `limit` is the age in seconds that the last round of its loop may have; for the API, the URL that must answer; for
    the processes of Dask, the address of the scheduler, such as `tcp://dask-scheduler:8786`.
    """
    if limit.startswith("tcp://"):
        return _problem_of_connection(limit)
    return _problem_of_answer(limit) if "://" in limit else _problem_of_rounds(float(limit))


def _problem_of_rounds(most_s: float) -> str | None:
    file = os.environ["AUTOCONNECT_HEALTH_FILE"]
    try:
        age_s = time.time() - os.stat(file).st_mtime
    except OSError as error:
        return f"No round has ended yet: {file} cannot be read: {error.strerror}."
    if age_s >= most_s:
        return f"The last round ended {age_s:.0f} s ago; expected less than {most_s:g} s."
    return None


def _problem_of_answer(url: str) -> str | None:
    from urllib.request import urlopen  # imported only here: it takes longer than everything else

    try:
        urlopen(url, timeout=_TIMEOUT_S).close()
    except OSError as error:
        return f"{url} does not answer as it should: {error}."
    return None


def _problem_of_connection(address: str) -> str | None:
    import socket  # only here, too

    host, _, port = address.removeprefix("tcp://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), _TIMEOUT_S).close()
    except OSError as error:
        return f"{address} cannot be reached: {error}."
    return None


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1]))
