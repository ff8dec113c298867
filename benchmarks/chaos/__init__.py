"""`python -m benchmarks.chaos`: the deployment under load, while one part after another fails."""
