"""Datasets: names, lock, summary, marks."""
