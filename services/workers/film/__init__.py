"""Renders recorded episodes into one MP4; changes nothing else."""
