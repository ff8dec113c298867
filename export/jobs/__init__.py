"""Builds as jobs: which are due and why, each in a process of its own, and what each one cost."""
