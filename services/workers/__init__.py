"""The processes that own a sitting. Nobody imports this package: it is launched."""
