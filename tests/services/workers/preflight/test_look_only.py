"""`lab-console preflight`: an evaluation's preflight by itself, on a bench whose arm nothing may touch."""

from __future__ import annotations

import json

import pytest

from console.commands.preflight import preflight
from console.exit import BAD_USAGE, OK
from console.grammar import parser
from services.evaluation.resuming import why_not
from services.log import logbook
from services.log.headline import headline
from services.log.page import page
from services.refusal import Refusal
from services.sim import bench as simulated
from tests.support.rig import Rig


def options(rig: Rig, *words: str) -> object:
    return parser().parse_args(["--data-dir", str(rig.folder.root), "preflight", *words])


@pytest.mark.parametrize("torque", [False, True])
def test_a_preflight_from_the_shell_leaves_torque_goals_and_disk_as_they_were(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str], torque: bool
) -> None:
    rig = quick_rig
    simulated.prepare(rig.folder.root, {}, lockstep=False, fps=30)
    world = rig.world()
    world.set_torque(torque)
    before = (world.state().torque, world.state().goals, len(world.goal_log(10_000)))
    asked = options(rig, "--checkpoint", "sim-scripted@0.8", "--task", "pick_place", *(["--json"] if torque else []))
    assert preflight(asked) == OK  # type: ignore[arg-type]
    assert (world.state().torque, world.state().goals, len(world.goal_log(10_000))) == before
    assert not any(rig.folder.datasets.iterdir())
    said = capsys.readouterr()
    assert "training data  not checked  the scripted person learnt from no data" in (said.err if torque else said.out)
    (session,) = logbook.sessions(rig.folder).sessions
    assert f"torque is {'on' if torque else 'off'}" in session.end_reason
    assert "made a preflight only" in why_not(session)
    assert headline(session).counts.startswith("preflight: ") and "reset" not in " ".join(headline(session).marks)
    assert "none: it made a preflight only" in str(page(session))
    if torque:
        found = json.loads(said.out)
        assert (found["session"], found["result"]) == (session.id, "not checked")
        assert {check["name"] for check in found["checks"]} >= {"training data", "known pose"}


def test_what_cannot_be_asked_bad_usage(quick_rig: Rig) -> None:
    with pytest.raises(Refusal):  # `main` makes it BAD_USAGE
        preflight(options(quick_rig, "--checkpoint", "nowhere", "--task", "pick_place"))  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as left:
        options(quick_rig, "--checkpoint", "sim-scripted@0.8")
    assert left.value.code == BAD_USAGE
