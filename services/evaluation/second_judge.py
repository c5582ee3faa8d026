"""Who may be asked for as a second judge of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from services.bench.profiles import Profile
from services.bench.robots import known_pictures
from services.folders import DataFolder
from services.judges.kept import JudgeProblem, every, find
from services.live.requests import EvalRequest
from services.refusal import Refusal
from services.text import clean
from services.units import dimensions
from sessions.second_judge import MOST_ERROR, NAME, error_of
from sessions.trained_judge import TrainedJudge

CHOICES = {f"{NAME}~0.1": "wrong in a tenth of the trials", NAME: "always right"}


def choices(folder: DataFolder, profile: Profile) -> Iterator[tuple[str, str]]:
    """Whom a form offers, each with a few words: the oracle on a simulated bench, then those trained for this bench.

    Reads the disk.
    """
    if profile.simulated:
        yield from CHOICES.items()
    for name, kept in every(folder):
        if not isinstance(kept, JudgeProblem) and kept.trained.bench == profile.name:
            trained = kept.trained
            wrong = trained.successes + trained.failures - trained.successes_found - trained.failures_found
            yield name, f"was wrong in {wrong} of {trained.successes + trained.failures} trials"


def with_second(folder: DataFolder, request: EvalRequest) -> EvalRequest:
    """The request with how well its second judge judges. Raises Refusal for what is none, or none for this bench."""
    second = request.second_judge
    if not second or error_of(second) is not None:
        if second and not request.profile.simulated:
            raise Refusal(
                "the oracle, as a second judge too, sees the simulated bench only: leave it out on a real one, "
                "or train one by `lab-console judge NAME`"
            )
        return request
    if second.startswith(NAME):
        raise Refusal(
            f"the second judge is {NAME}, {NAME}~ERROR with the share of trials in which it errs, at most "
            f"{MOST_ERROR:g}, such as {NAME}~0.1, or one that `lab-console judge NAME` trained; "
            f"not {clean(second[:40])!r}"
        )
    trained = find(folder, second).trained
    if why := unfit(trained, request):
        raise Refusal(f"judge {second} cannot judge here: {why}; `lab-console judge NAME` trains another one")
    return msgspec.structs.replace(request, trained_judge=trained)


def unfit(trained: TrainedJudge, request: EvalRequest) -> str:
    """Why he would see something else than it was trained on, as far as lab.toml tells; empty if he would not."""
    profile = request.profile
    if trained.bench != profile.name:
        return f"it was trained on bench {clean(trained.bench)}, this is {clean(profile.name)}"
    if trained.task != request.task:
        return f"it was trained on the task {clean(trained.task[:60])!r}"
    pictures = known_pictures(profile)
    for seen in trained.cameras:
        if seen.camera not in pictures:
            return f"it looks through camera {clean(seen.camera)}, which is not opened"
        height, width, *_ = pictures[seen.camera].get("shape") or (seen.height, seen.width)
        if (width, height) != (seen.width, seen.height):
            trained_at, here = dimensions(seen.width, seen.height), dimensions(width, height)
            return f"camera {clean(seen.camera)} gives {here}, it was trained at {trained_at}"
    return ""
