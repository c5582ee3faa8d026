"""A comparison that its rule ends: the worker says so, goes on only as asked, and the log says what is better."""

from __future__ import annotations

from services.evaluation import early
from services.evaluation import plan as evaluation
from services.live import protocol
from services.live.phases import Phase
from services.log import logbook
from services.log.trials.conclusion import sentences
from sessions.models import Verdict
from tests.support.evaluating import QUICK, judge, pending, start, state_bench
from tests.support.rig import Rig, finish, gone, wait_until

GOOD, BAD = "sim-scripted@1", "sim-scripted@0"
RULE = "0.1 0.95 level 0.3 power 0.5 most 5"
"""Ends after four pairs that one policy alone wins."""


async def test_the_rule_ends_a_blinded_comparison_early_with_the_right_conclusion(quick_rig: Rig) -> None:
    rig = quick_rig
    asked = {**QUICK, "trials": None, "blinded": True, "sequential": RULE}
    request = evaluation.plan(
        rig.folder, state_bench(), checkpoint=f"{BAD},{GOOD}", task="pick_place", operator="tester", **asked
    )
    run = evaluation.begin(rig.folder, request := early.fixed(request))
    good = "AB"[request.checkpoints.index(GOOD)]
    async with rig.attached(run) as link:
        while link.snapshot.phase is not Phase.DONE:
            assert link.snapshot.judged < request.trials, "the rule never decides"
            assert not link.snapshot.reached and "better" not in " ".join(said(rig, run.id))
            number = await start(link)
            await pending(link)
            won = link.snapshot.trials[-1].checkpoint == good
            await judge(link, number, Verdict.SUCCESS if won else Verdict.FAILURE)
        pairs = link.snapshot.standing.pairs if link.snapshot.standing else 0
        assert 0 < pairs < request.trials // 2 and f"after {pairs} pairs" in link.snapshot.detail
        assert (await link.ask(protocol.Unblind(by="tester"))).ok, "it is over: no reason is needed"
        await finish(link)
    wait_until(gone(run))
    assert (
        said(rig, run.id)[-1]
        == f"{GOOD} is better than {BAD}: it leads by {pairs} after {pairs} pairs, {pairs} of them unlike."
    )


def said(rig: Rig, session: str) -> list[str]:
    return sentences(next(each for each in logbook.sessions(rig.folder).sessions if each.id == session))
