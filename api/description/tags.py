"""The groups of calls, in the order in which a new client needs them."""

TAGS = [
    {"name": "sources", "description": "Upload CSV files, check how they would be read, download and delete them."},
    {"name": "jobs", "description": "Submit a source, follow its job, then publish or remove its result."},
    {"name": "events", "description": "Watch jobs as server-sent events, without asking again and again."},
    {"name": "metrics", "description": "Read the metrics of a result, or add up its transactions in any other way."},
    {"name": "charts", "description": "Draw a metric: as SVG, as PNG, or as a Vega-Lite specification."},
    {"name": "queues", "description": "See what each worker does, and what waits."},
    {"name": "health", "description": "Check that the API and Redis answer; scrape counters with Prometheus."},
]
