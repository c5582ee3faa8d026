"""The command line and the app: they build the parts and connect them."""
