"""Train: a run's curves, speed and checkpoints."""
