"""Writing datasets: durable episodes, recovery after a crash, hooks into LeRobot's datasets."""
