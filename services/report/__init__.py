"""The report: the log's documents and run folders as facts with sources, and the pages that are made of them."""
