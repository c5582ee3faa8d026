"""Record: takes of demonstrations."""
