"""The inference server against others, and against its own promises: docs/benchmarks.md."""
