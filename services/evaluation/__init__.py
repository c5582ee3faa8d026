"""Plan and drive an evaluation."""
