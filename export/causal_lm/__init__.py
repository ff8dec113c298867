"""Causal language models as scorers: what they expected of a text, token by token."""
