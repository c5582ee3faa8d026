"""Policy inference: the policy's process, and the control loop's side of it."""
