"""The log of sessions: documents, their store (one TinyDB file) and statistics."""
