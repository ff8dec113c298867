"""Measures what is served. Not part of the installed package."""
