"""The steps of a build, one per file: each takes the value of the one before and returns the next."""
