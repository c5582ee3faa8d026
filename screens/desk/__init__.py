"""What this console is attached to, and what it tells the screens."""
