"""The evaluation worker's session: trials, approach, oracle."""
