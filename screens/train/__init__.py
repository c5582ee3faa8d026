"""Train: a training's curves, speed and checkpoints."""
