"""Service 1, the orchestrator: plans sources into batches on a Redis list, and reclaims batches of dead workers."""
