"""The zero-motion preflight's side of the worker: recorded data, live readings, the policy run on recorded frames."""
