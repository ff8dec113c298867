"""Drafts the recipe of a checkpoint, from the checkpoint itself and a few answers."""
