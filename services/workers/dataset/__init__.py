"""Datasets that stay: durable episodes, recovery, hooks into LeRobot's datasets."""
