"""A live session: events, snapshots, requests, protocol, link, launch, event log, stop."""
