"""Checkpoints: finding and reading them, and whether a bench can run them. No torch."""
