"""The command line and the app: they build things and introduce them."""
