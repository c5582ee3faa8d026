"""Evaluate: trials and their verdicts."""
