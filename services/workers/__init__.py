"""The worker processes, each of which runs one session. Launched, never imported by the console."""
