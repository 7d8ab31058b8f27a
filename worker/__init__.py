"""Service 2, the worker: maps batches to partials, which it stores in Redis hashes, one field per city."""
