"""The stack on this machine without containers: an embedded server, and the services as processes."""
