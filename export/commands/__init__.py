"""The commands of `python -m export`, one to a file."""
