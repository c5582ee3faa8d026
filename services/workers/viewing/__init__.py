"""Reads and decodes recorded episodes for the console's viewer; changes nothing."""
