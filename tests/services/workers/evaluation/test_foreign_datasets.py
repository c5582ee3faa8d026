"""A dataset that others made stays as it is, too, when a policy that learnt from it is evaluated."""

from __future__ import annotations

from pathlib import Path

from services.checkpoints.checkpoint import complete
from services.datasets.summary import summarize
from sessions.models import SessionStatus
from tests.support import foreign
from tests.support.checkpoints import CUBE, NAMES
from tests.support.evaluating import evaluating, trial
from tests.support.rig import Rig, finish, gone, wait_until
from tests.support.trainings import train

FEATURES = {
    "observation.state": foreign.vector(NAMES, 6),
    "observation.environment_state": foreign.vector(CUBE, 5),
    "action": foreign.vector(NAMES, 6),
}
PICTURED = {
    "action": foreign.vector(),
    "observation.image": foreign.camera("image"),
    "next.reward": foreign.vector(None, 1),
}


async def test_a_training_and_an_evaluation_change_nothing_in_foreign_datasets(quick_rig: Rig, tmp_path: Path) -> None:
    folder = quick_rig.folder
    roots = [foreign.make(tmp_path / "elsewhere", FEATURES), foreign.make(folder.datasets / "pictured", PICTURED)]
    (folder.datasets / "other").symlink_to(roots[0])
    for root in roots:
        for change in (foreign.own_totals, foreign.few_keys, foreign.own_files):
            change(root)
    before = [(foreign.hashes(root), times(root)) for root in roots]
    run = train(folder, dataset="other", steps=1)
    wait_until(lambda: not quick_rig.snapshot(run).running and gone(run)(), 60)
    state = quick_rig.snapshot(run)
    assert state.status is SessionStatus.FINISHED, state.end_reason

    (policy,) = complete(folder.trainings / "act_other")
    async with evaluating(quick_rig, policy=policy / "pretrained_model") as link:
        await trial(link)
        await finish(link)
    assert summarize(folder.datasets / "rollout_act_other_000001").episodes == 1
    assert [(foreign.hashes(root), times(root)) for root in roots] == before, "nor written again as they were"


def times(root: Path) -> dict[str, int]:
    """When each file and folder was last written."""
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in (root, *sorted(root.rglob("*")))}
