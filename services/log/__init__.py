"""The log: events folded into documents, found and annotated."""
