"""2, the worker: maps a batch to a partial (per city, in Redis hashes)."""
