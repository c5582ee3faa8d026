"""What the console can do, without a screen: it could run in a script."""
