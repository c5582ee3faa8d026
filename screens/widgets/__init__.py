"""Widgets that draw the values passed to them and fetch nothing."""
