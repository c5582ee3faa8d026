"""What tests and benchmarks share: real workers, pseudo-terminals, small datasets and policies."""
