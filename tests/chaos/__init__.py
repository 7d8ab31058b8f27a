"""Faults strike real processes while jobs run, and the results must stay exact."""
