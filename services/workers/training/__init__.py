"""A training: the supervisor that owns the session, and the trainer process that runs LeRobot's loop."""
