"""The Log's list: an entry of each session, kept and searched."""
