"""Other machines and clusters: what is reached there, moved there and back, and started there."""
