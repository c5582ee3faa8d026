"""One file per verb: its parser and its run; and what verbs share."""
