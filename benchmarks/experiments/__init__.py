"""The questions, a module each: `measure(bench)` answers one with tables."""
