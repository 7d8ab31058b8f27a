"""Service 3, the aggregator: merges partials into the job's cube and computes the metrics from it."""
