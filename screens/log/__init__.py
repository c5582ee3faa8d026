"""Log: every session, found and annotated."""
