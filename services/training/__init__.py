"""Planning trainings; their runs and curves."""
