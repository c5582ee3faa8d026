"""Sessions that this console did not make: read from files of other benches and tools, and added to the log."""
