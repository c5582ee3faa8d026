"""Benchmarks: figures and ratios against a baseline run beside them. Not tests."""
