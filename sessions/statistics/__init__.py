"""What numbers of trials carry, and how many more are needed. Pure functions.

`intervals` needs no numpy and never delays a screen; the other modules import numpy, and are imported where they are
asked. scipy is a reference of the tests only: importing scipy.stats takes seconds.
"""

from sessions.statistics.intervals import newcombe, wilson

__all__ = ["newcombe", "wilson"]
