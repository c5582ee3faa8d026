"""Checks of cameras and motion."""
