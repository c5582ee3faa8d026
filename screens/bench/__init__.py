"""Bench: what runs, what belongs to the bench, where to go from here."""
