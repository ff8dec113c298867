"""The steps of a build, one per file: from one value to the next."""
