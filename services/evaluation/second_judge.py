"""What may be asked for as a second judge of an evaluation."""

from __future__ import annotations

from services.live.requests import EvalRequest
from services.refusal import Refusal
from services.text import clean
from sessions.second_judge import MOST_ERROR, NAME, error_of

CHOICES = {f"{NAME}~0.1": "wrong in a tenth of the trials", NAME: "always right"}


def check_second(request: EvalRequest) -> None:
    """Raises Refusal for what is no second judge, and on a real bench."""
    second = request.second_judge
    if not second:
        return
    if error_of(second) is None:
        raise Refusal(
            f"the second judge is {NAME} or {NAME}~ERROR with the share of trials in which it errs, at most "
            f"{MOST_ERROR:g}, such as {NAME}~0.1; not {clean(second[:40])!r}"
        )
    if not request.profile.simulated:
        raise Refusal("the oracle, as a second judge too, sees the simulated bench only: leave it out on a real one")
