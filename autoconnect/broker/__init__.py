"""The only package that talks to Redis. Every change of state is one idempotent script in `lua/`."""
