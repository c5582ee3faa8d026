"""A policy at work: its own process, and the control loop's end of it."""
