"""A worker's process: journal, socket server, mailbox, telemetry."""
