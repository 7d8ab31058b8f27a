"""The command `autoconnect`: the whole stack on this machine, and a client of a running API."""
