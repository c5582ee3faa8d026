"""Planning and driving an evaluation."""
