"""Other ways to serve the same artifact: programs of their own, as people write them."""
