"""How fast it is, beside others that make the same cube from the same file in the same run; `make bench` runs it."""
