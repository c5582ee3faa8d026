"""Plan and drive a recording."""
