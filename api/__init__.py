"""4, the API: serves metrics over REST with filters, takes sources, and triggers jobs."""
