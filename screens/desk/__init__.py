"""What this console is attached to, and the messages it posts to the screens."""
