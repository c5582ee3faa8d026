"""What no longer matches: data, checkpoints and sessions against what was known of them, by content."""
