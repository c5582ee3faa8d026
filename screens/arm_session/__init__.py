"""What Record and Evaluate share."""
