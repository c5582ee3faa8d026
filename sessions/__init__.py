"""The log: what a session was, kept in one TinyDB file."""
