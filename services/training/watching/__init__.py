"""Trainings that the console did not start, read from what they leave behind: one file per source, one common form."""
