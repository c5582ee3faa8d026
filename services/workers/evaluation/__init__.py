"""The evaluation worker's session: trials, approach to the start pose, oracle."""
