"""The console's logic, without a user interface: usable from a script."""
