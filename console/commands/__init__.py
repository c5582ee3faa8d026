"""One file per verb, and what the verbs share."""
