"""What a session came from, and what came of it."""
