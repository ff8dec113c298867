"""Several models as one graph with one head."""
