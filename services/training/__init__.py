"""Plan a training; its runs and curves."""
