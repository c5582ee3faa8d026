"""Mirrors a training that runs on another machine. Loads no torch."""
