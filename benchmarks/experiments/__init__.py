"""The questions, one module each: `measure(bench)` answers a question with tables."""
