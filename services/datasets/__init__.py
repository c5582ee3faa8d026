"""Datasets: names, lock, what there is, marks."""
