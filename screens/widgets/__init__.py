"""Widgets that draw what they are given and ask for nothing."""
