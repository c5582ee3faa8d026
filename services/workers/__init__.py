"""The processes that own a session. Nobody imports this package: it is launched."""
