"""The recording worker's session: the strategy, and takes that become episodes."""
