"""Faults strike real processes while jobs run, and the results must be the same."""
