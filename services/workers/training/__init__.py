"""A training: the light worker that owns the session, and the process that runs LeRobot's loop."""
