"""The bench: lab.toml, device locks, equipment."""
