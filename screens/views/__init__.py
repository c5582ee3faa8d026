"""Pure: snapshot, document or telemetry in, Content or a small view struct out."""
