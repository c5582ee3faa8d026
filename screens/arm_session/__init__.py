"""What screens of a session with an arm share: Record and Evaluate nearly everything, Bench the pictures."""
