"""What the numbers of an evaluation's trials carry."""
