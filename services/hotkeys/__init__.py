"""Global hotkeys: where they can work, and the process that listens for them."""
