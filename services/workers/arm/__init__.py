"""The arm: control loop, motion, devices, hold and rest."""
