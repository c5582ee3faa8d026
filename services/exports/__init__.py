"""What leaves the log for other tools: JSON, CSV tables, orbit-eval's trials, TensorBoard, W&B, trackio."""
