"""Films of recorded episodes: which to show, and the process that renders them."""
