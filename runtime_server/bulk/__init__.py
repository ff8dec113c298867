"""Scores a corpus: files of many texts, in parts that survive a crash, here or on a Ray cluster."""
