"""The log: what a sitting was, kept in one TinyDB file."""
