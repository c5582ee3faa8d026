"""Practice trials: judged as others, counted nowhere, seen everywhere."""

from __future__ import annotations

from screens.views.trial_phase import evaluating as shown
from screens.views.trial_strip import trial_strip
from screens.views.trial_tally import tally
from services.films.plan import plan as film
from services.live import protocol
from services.live.phases import Phase
from services.log import logbook
from services.log.headline import counts
from services.log.page import page
from sessions.models import Verdict
from sessions.trials import place
from tests.support.evaluating import evaluate, judge, pending, start, trial
from tests.support.rig import Rig, finish, gone, press, wait_until


async def test_practice_is_judged_and_counts_nowhere(quick_rig: Rig) -> None:
    run = evaluate(quick_rig, trials=2, trial_seconds=0.5)
    async with quick_rig.attached(run) as link:
        await press(link, lambda: protocol.StartTrial(trial=1, practice=True))
        await link.until(lambda s: bool(s.trials) and s.phase is not Phase.ALIGNING, 60)
        view = shown(link.snapshot, None, driving=True)
        assert (view.word, view.left, view.left_label) in (
            ("PRACTICE", "", "not counted"),
            ("JUDGE IT", "", "not counted"),
        )
        await pending(link)
        await judge(link, 1, Verdict.SUCCESS)
        assert link.snapshot.judged == 0 and not link.snapshot.reached
        assert (await start(link)) == 2
        await pending(link)
        await judge(link, 2, Verdict.FAILURE)
        await trial(link, Verdict.SUCCESS)
        state = link.snapshot
        assert state.reached and state.judged == 2 and state.count(Verdict.SUCCESS) == 1
        assert [place(state.trials, t.index) for t in state.trials] == [1, 1, 2]
        assert trial_strip(state, 80).plain.startswith("p") and "1 for practice, not counted" in str(
            [line.plain for line in tally(state, 40)]
        )
        await finish(link)
    wait_until(gone(run))
    [session] = [s for s in logbook.sessions(quick_rig.folder).sessions if s.id == run.id]
    assert counts(session).startswith("1 success 1 failure") and session.trials[0].practice
    told = str(page(session))
    assert "1 for practice, not counted" in told and "'practice'" in told
    shots = film(quick_rig.folder, run.id, here=quick_rig.folder.root).request.scenes
    assert [scene[0].caption for scene in shots] == ["trial 1", "trial 2"]
