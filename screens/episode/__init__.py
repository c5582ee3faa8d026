"""The viewer of recorded episodes, opened over the other screens."""
