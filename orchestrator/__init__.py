"""1, the orchestrator: plans jobs (source -> batches, on a Redis list), and takes the batches of dead workers back."""
