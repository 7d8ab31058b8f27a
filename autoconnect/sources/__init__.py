"""Sources: where the files of jobs are, and how to read them; one module per kind."""
