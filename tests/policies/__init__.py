"""A policy type of the tests' own, registered in LeRobot as a plug-in would: it repeats one chunk of actions."""
