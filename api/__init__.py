"""Service 4, the API: serves metrics over REST with filters, accepts sources and submits jobs."""
