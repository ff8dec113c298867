"""Encoders of the BERT kind: weights, the graph's module, and its conversion."""
