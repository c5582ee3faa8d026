"""The sections of a session's page, one kind each."""
