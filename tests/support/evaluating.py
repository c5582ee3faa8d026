"""Evaluations for tests: planned as the console plans them, driven as a person drives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.bench.profiles import Profile, apply_settings, load_benches
from services.evaluation import plan as evaluation
from services.folders import RunFolder
from services.live import intents, protocol
from services.live.link import Link
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from sessions.models import Verdict
from tests.support.checkpoints import make_checkpoint, make_copycat, make_smolvla
from tests.support.rig import Rig, press

QUICK = {"trial_seconds": 0.5, "trials": 9, "lockstep": True}
REAL_TIME = QUICK | {"lockstep": False, "trial_seconds": 8.0}


def state_bench(*settings: str) -> Profile:
    """The built-in bench without cameras, its arm a little quicker."""
    brisk = "motion.max_joint_speed=110.0"
    return apply_settings(load_benches(built_in=True).pick("sim-state"), [brisk, *settings])[0]


def checkpoint(rig: Rig, name: str = "tiny", **options: Any) -> Path:
    """A tiny policy in the rig's outputs; made once per name."""
    root = rig.folder.outputs / "train" / name / "checkpoints" / "000010"
    return root / "pretrained_model" if root.exists() else make_checkpoint(root, **options)


def copycat(rig: Rig, name: str, actions: Any, **options: Any) -> Path:
    """A policy that repeats `actions` (rows, 6) whatever it sees."""
    return make_copycat(rig.folder.outputs / "train" / name / "checkpoints" / "000010", actions, **options)


def smolvla(rig: Rig, name: str, renames: dict[str, str]) -> Path:
    """A tiny SmolVLA, trained on from a base whose cameras `renames` leads to."""
    return make_smolvla(rig.folder.trainings / name / "checkpoints" / "000010", renames)


def evaluate(rig: Rig, profile: Profile | None = None, *, policy: Path | None = None, **options: Any) -> RunFolder:
    """Start an evaluation worker."""
    asked: dict[str, Any] = {"task": "pick_place", "operator": "tester", **QUICK, **options}
    path = str(policy or checkpoint(rig))
    return evaluation.begin(rig.folder, evaluation.plan(rig.folder, profile or state_bench(), checkpoint=path, **asked))


@asynccontextmanager
async def evaluating(rig: Rig, *args: Any, **options: Any) -> AsyncIterator[Link]:
    """A console attached to a new evaluation, which holds and waits for its first trial."""
    async with rig.attached(evaluate(rig, *args, **options)) as link:
        assert link.snapshot.phase is Phase.IDLE, link.snapshot.end_reason
        yield link


async def start(link: Link) -> int:
    """Start the next trial and wait until the policy drives, and its motion would make an episode: of two frames."""
    number = intents.next_trial(link.snapshot)
    await press(link, lambda: protocol.StartTrial(trial=number))
    await link.until(lambda s: s.phase is not Phase.ALIGNING and bool(s.trials) and s.trials[-1].index == number, 60)
    link.telemetry = None
    await link.until(lambda s: s.phase is not Phase.RUNNING or _frames(link) >= 2, 60)
    return number


def _frames(link: Link) -> int:
    return link.telemetry.take_frames if link.telemetry else 0


async def pending(link: Link) -> Snapshot:
    """Wait for the end of the running trial."""
    return await link.until(lambda s: s.pending is not None and s.phase is not Phase.RUNNING, 60)


async def judge(link: Link, trial: int, verdict: Verdict = Verdict.SUCCESS) -> Snapshot:
    """Give a verdict and wait until the arm rests."""
    await press(link, lambda: protocol.JudgeTrial(trial=trial, verdict=verdict))
    return await link.until(lambda s: s.phase in (Phase.RESTED, Phase.DONE), 60)


async def trial(link: Link, verdict: Verdict = Verdict.SUCCESS) -> int:
    """A whole trial, ended by its time, judged, the arm at rest."""
    number = await start(link)
    await pending(link)
    await judge(link, number, verdict)
    return number


async def refused(link: Link, command: protocol.Command) -> str:
    """The words in which a command is refused."""
    answer = await link.ask(command)
    assert not answer.ok, command
    return answer.error
