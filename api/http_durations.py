"""How long answers take, by route, method and status class, as a histogram for Prometheus.

Every answer pays for it, so it counts itself: the histogram of the library has locks and takes more than twice as long.
Only the event loop's thread counts.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from api.route_table import RouteTable

_NAME = "autoconnect_http_request_duration_seconds"
_MEANING = "Time from a request to the end of its answer."
_LABELS = ("route", "method", "status")
_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
#: Paths whose series are remembered; a path has at most 8 KiB.
_PATHS = 256


@dataclass
class _Series:
    """Numbers of answers up to each bound and above the one before, the last for those above all; and their sum."""

    numbers: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS_S) + 1))
    seconds: float = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        bounds = [*map(str, _BOUNDS_S), "+Inf"]
        return list(zip(bounds, accumulate(self.numbers), strict=True))


class HttpDurations(Collector):
    """Counts the answers of this process; a path has its route as label, so there are only as many series as routes."""

    def __init__(self, routes: RouteTable) -> None:
        self._routes = routes
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._find = lru_cache(_PATHS)(self._series_of)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Returns the name alone."""
        yield HistogramMetricFamily(_NAME, _MEANING, labels=_LABELS)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Returns the histogram with all its series."""
        family = HistogramMetricFamily(_NAME, _MEANING, labels=_LABELS)
        for labels, series in tuple(self._series.items()):
            family.add_metric(labels, series.buckets(), series.seconds)
        yield family

    def add(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        series = self._find(path, method, status)
        series.numbers[bisect_left(_BOUNDS_S, seconds)] += 1
        series.seconds += seconds

    def _series_of(self, path: str, method: str, status: int) -> _Series:
        labels = (self._routes.template(path), method if method in _METHODS else "other", f"{status // 100}xx")
        return self._series.setdefault(labels, _Series())
