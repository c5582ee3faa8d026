"""Trainings on the Hub's own machines, through LeRobot's `job.target` (lerobot/jobs, 0.6.1): what they can and cannot.

LeRobot writes its configuration to a private repository, starts its own image there and shows the job's log. Only the
configuration that is built for that has been tested here; no job was ever submitted.
"""

from __future__ import annotations

from services.refusal import Option, Refusal
from sessions.requests import TrainRequest
from sessions.target import Target

NOTES = (
    "LeRobot's own trainer runs there: no curves and no checkpoints come here, and the policy goes to a private "
    "repository of the Hub",
    "the Hub's copy of the dataset is trained on, which may not be the same as the one here",
    "nobody has tried HF Jobs with this console yet: only the configuration that it gets is tested",
)


def check(target: Target, request: TrainRequest) -> None:
    """Raises Refusal for what only the console's trainer does, and for what LeRobot needs there."""
    where = f"on {target.name} (HF Jobs)"
    if "/" not in request.dataset:
        raise Refusal(f"{where} LeRobot reads the dataset from the Hub: it needs a name OWNER/NAME, and to be there")
    if request.resize:
        raise Refusal((f"{where} no picture is resized: leave ", Option("resize"), " out, or train on another target"))
    if request.processes > 1:
        raise Refusal((f"{where} one process trains: leave ", Option("processes"), " out"))
    if request.policy.startswith("/"):
        raise Refusal(f"{where} a policy comes from the Hub: give its id instead of {request.policy}")
