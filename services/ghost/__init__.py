"""A scene set the same way twice: an earlier episode's first pictures, and how far the live ones differ from them."""
