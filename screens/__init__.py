"""What the operator sees: one screen per file, the parts they share, widgets."""
