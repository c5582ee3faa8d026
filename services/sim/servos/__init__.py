"""SO-101 arms of Feetech STS3215 servos behind pseudo-terminals, for LeRobot's own drivers."""
