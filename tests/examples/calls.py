"""The calls whose answers are recorded, by operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
LINES = b"transaction_id,date,ville,type,modele,prix,duree_location_mois\nTX1,2024-05-02,Lyon,vente,Audi A4,31000.00,\n"
#: A workbook begins with these bytes.
WORKBOOK = b"PK\x03\x04" + b"\x00" * 60


@dataclass(frozen=True)
class Call:
    """A call, and the name and summary of its answer; `{sample}` and such in its path are ids of jobs."""

    name: str
    summary: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    #: Which API is asked: `main`, or one with other settings.
    api: str = "main"


FILTERS = "city=paris&from=2024-11&to=2024-12"

CALLS: dict[str, list[Call]] = {
    "list_metrics": [Call("catalogue", "All metrics", "/metrics")],
    "get_all_metrics": [
        Call("other_format", "Another format than Excel", "/metrics/all?format=csv"),
    ],
    "get_metric": [
        Call("revenue", "Monthly revenue of Paris", f"/metrics/monthly-revenue?{FILTERS}"),
        Call("comparison", "A summary, compared with the year before", "/metrics/summary?from=2024-01&compare=year"),
        Call("first_rows", "A page of rows", "/metrics/top-models?n=3&limit=2"),
        Call("csv", "As CSV", f"/metrics/monthly-revenue?{FILTERS}&format=csv"),
        Call("unknown_metric", "Not a metric", "/metrics/profit"),
        Call("unreadable_month", "A month that does not exist", "/metrics/summary?from=2024-13"),
        Call("from_after_to", "A period that ends before it begins", "/metrics/summary?from=2024-05&to=2024-01"),
    ],
    "query": [
        Call("by_year_and_type", "By year and type", "/query?group_by=year,type&measures=transactions,revenue"),
        Call("csv", "As CSV", "/query?group_by=quarter&measures=transactions,average_ticket&format=csv"),
        Call("unknown_column", "Not a column", "/query?group_by=town"),
    ],
    "list_cities": [
        Call("cities", "The first cities", "/cities?limit=3"),
        Call("csv", "As CSV", "/cities?limit=3&format=csv"),
    ],
    "list_models": [
        Call("models", "The first models in Lyon", "/models?city=lyon&limit=3"),
        Call("csv", "As CSV", "/models?city=lyon&limit=3&format=csv"),
    ],
    "get_chart": [
        Call("specification", "The Vega-Lite specification", "/charts/sales-rental-split.json?city=paris"),
        Call("svg", "The beginning of a picture", "/charts/sales-rental-split.svg?city=paris"),
        Call("unknown_chart", "Not a chart", "/charts/profit.svg"),
    ],
    "submit_job": [
        Call("queued", "The job", "/jobs", "POST", JSON, b'{"source": "june.csv"}'),
        Call("malformed", "A comma is missing", "/jobs", "POST", JSON, b'{"source": "june.csv"\n "publish": true}'),
        Call("wrong_type", "A field of another type", "/jobs", "POST", JSON, b'{"publish": "yes"}'),
        Call("other_media_type", "Not JSON", "/jobs", "POST", {"Content-Type": "text/plain"}, b"june.csv"),
        Call("too_many_jobs", "Too many open jobs", "/jobs", "POST", JSON, b"{}", api="few_jobs"),
    ],
    "list_jobs": [Call("completed", "The newest completed job", "/jobs?status=completed&limit=1")],
    "latest_job": [
        Call("latest", "The newest job", "/jobs/latest"),
        Call("no_job", "No job yet", "/jobs/latest", api="empty"),
    ],
    "get_job": [
        Call("completed", "A completed job", "/jobs/{sample}"),
        Call("failed", "A failed job", "/jobs/{failed}"),
    ],
    "publish_job": [
        Call("published", "The published job", "/jobs/{sample}/publish", "POST"),
        Call("not_completed", "A failed job", "/jobs/{failed}/publish", "POST"),
    ],
    "delete_job": [
        Call("cancelled", "A cancelled job", "/jobs/{open}", "DELETE"),
        Call("is_published", "The job with the published result", "/jobs/{sample}", "DELETE"),
    ],
    "list_batches": [Call("batches", "The first batches", "/jobs/{sample}/batches?limit=2")],
    "list_rejects": [
        Call("rejects", "The first rejected rows", "/jobs/{june}/rejects?limit=2"),
        Call("csv", "As CSV", "/jobs/{june}/rejects?limit=2&format=csv"),
    ],
    "get_report": [
        Call("report", "The beginning of a report", "/jobs/{sample}/report"),
        Call("no_result", "A job without a result", "/jobs/{failed}/report"),
    ],
    "retry_job": [
        Call("not_failed", "A job that has not failed", "/jobs/{sample}/retry", "POST"),
        Call("planned", "The job", "/jobs/{failed}/retry", "POST"),
    ],
    "watch_job": [Call("end", "The end of a job", "/jobs/{sample}/events")],
    "list_sources": [Call("sources", "All sources", "/sources")],
    "check_source": [
        Call("check", "What was judged, and why", "/sources/small.csv/check"),
        Call("ambiguous", "Days and months that look alike", "/sources/ambiguous.csv/check"),
    ],
    "get_source": [
        Call("file", "The file", "/sources/small.csv"),
        Call("unusable_name", "A name that no source has", "/sources/june"),
    ],
    "put_source": [
        Call("new", "A new source", "/sources/may.csv", "PUT", CSV, LINES),
        Call("replaced", "A source that was replaced", "/sources/may.csv", "PUT", CSV, LINES),
        Call("empty", "No bytes", "/sources/may.csv", "PUT", CSV, b""),
        Call("workbook", "A workbook", "/sources/may.csv", "PUT", CSV, WORKBOOK),
        Call("form", "A form", "/sources/may.csv", "PUT", {"Content-Type": "multipart/form-data; boundary=x"}, b"--x"),
        Call("too_large", "More bytes than allowed", "/sources/may.csv", "PUT", CSV, LINES * 20, api="small_uploads"),
    ],
    "delete_source": [
        Call("read_only", "A source of the data folder", "/sources/small.csv", "DELETE"),
    ],
    "list_workers": [Call("workers", "A live worker", "/workers")],
    "list_queues": [Call("queues", "All queues", "/queues")],
    "read_system": [Call("system", "The state of the system", "/system")],
    "prometheus": [Call("counters", "The first lines", "/../../metrics")],
    "live": [Call("alive", "The process answers", "/../../health/live")],
    "ready": [
        Call("ready", "Redis answers", "/../../health/ready"),
        Call("not_ready", "Redis does not answer", "/../../health/ready", api="no_redis"),
    ],
}

#: Operations that answer from a result, and those of one job.
_RESULTS = "get_metric get_all_metrics query list_cities list_models get_chart"
_JOB = "get_job delete_job publish_job retry_job list_batches list_rejects get_report watch_job"
#: Errors that many operations give: `changes`, `all`, those with a rate limit (`limited`), those that need Redis
#: (`redis`), or the operations that are named.
COMMON: list[tuple[str, Call]] = [
    ("changes", Call("key_missing", "No key", "/jobs", "POST", api="key")),
    ("changes", Call("key_unknown", "A wrong key", "/jobs", "POST", {"X-API-Key": "a wrong key"}, api="key")),
    ("changes", Call("key_to_read", "A key that may only read", "/jobs", "POST", {"X-API-Key": "{reader}"}, api="key")),
    ("all", Call("unknown_parameter", "An unknown parameter", "/jobs?colour=red")),
    ("all", Call("url_too_long", "A URL that is too long", f"/jobs?status={'x' * 9_000}")),
    ("limited", Call("too_many_calls", "Too many calls", "/jobs", api="few_calls")),
    ("redis", Call("redis_away", "Redis does not answer", "/jobs", api="no_redis")),
    (_JOB, Call("unknown_job", "No job", "/jobs/0123456789abcdef")),
    (_RESULTS, Call("nothing_published", "No result is published yet", "/metrics/summary", api="empty")),
    (_RESULTS, Call("no_result", "A job without a result", "/metrics/summary?job={failed}")),
    (f"{_RESULTS} get_report", Call("result_gone", "A result that is gone", "/metrics/summary?job={old}")),
    (
        "get_metric query list_cities list_models list_rejects",
        Call("unserved_format", "A format that is not served", "/metrics/summary?format=xml"),
    ),
    ("get_source check_source delete_source", Call("unknown_source", "No source", "/sources/august.csv")),
]
