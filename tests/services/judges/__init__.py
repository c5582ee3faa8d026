"""Trained second judges."""
