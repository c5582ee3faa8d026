"""Checkpoints: which are there and whole, what they need, without torch."""
