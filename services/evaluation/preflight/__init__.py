"""Looking before the first trial whether bench, data and policy belong together, without a motion."""
