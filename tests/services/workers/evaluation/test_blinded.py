"""A blinded comparison: until it is unblinded nothing that an operator sees tells which policy is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.bench.profiles import load_benches
from services.checkpoints.weights import weights_of
from services.evaluation import plan as evaluation
from services.evaluation.resuming import look
from services.live import events as ev
from services.live import protocol
from services.live.event_log import EventLog
from services.live.requests import EvalRequest, read_request, write_request
from services.log import logbook
from services.log.page import page
from services.log.unblinding import unblind
from services.refusal import Refusal
from services.workers.evaluation.room import KEEP
from services.workers.process.blinding import Blinding
from sessions import blinding
from sessions.models import Verdict
from sessions.preflight import Check, Level
from tests.support.blinded import telling, told
from tests.support.evaluating import checkpoint, evaluate, state_bench, trial
from tests.support.rig import Rig, finish, gone, wait_until
from tests.support.runs import make_folder

GOOD, BAD = "sim-scripted@1", "sim-scripted@0"
NAMES = ("alphonse", "bertrand")
"""Runs of real policies: the journey has two that are scripted."""


async def test_nothing_tells_which_policy_is_which_before_it_is_unblinded(
    quick_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One policy is loaded at a time, as where memory holds no two; the journey's stay loaded."""
    monkeypatch.setenv(KEEP, "0")
    rig = quick_rig
    policies = [str(checkpoint(rig, name, seed=seed)) for seed, name in enumerate(NAMES)]
    run = evaluate(rig, policy=Path(", ".join(policies)), blinded=True, trials=2, trial_seconds=0.7)
    weights = weights_of(policies)
    async with rig.attached(run) as link:
        await trial(link, Verdict.SUCCESS)
        answer = await link.ask(protocol.Unblind(by="tester"))
        assert not answer.ok and "say why" in answer.error
        await trial(link, Verdict.FAILURE)
        blinded = link.snapshot
        assert telling(told(rig.folder, run, blinded, link.telemetry), (*NAMES, *weights.values())) == set()
        assert {t.checkpoint: t.verdict for t in blinded.trials}.keys() == {"A", "B"}
        assert not any(t.measured and t.measured.infer_ms for t in blinded.trials), "its speed may tell a policy"
        assert "Loading weights" not in run.log.read_text(), "what LeRobot says of one tells its type"
        assert link.telemetry is not None and not link.telemetry.infer_ms
        assert (await link.ask(protocol.Unblind(by="tester"))).ok
        state = await finish(link)
    wait_until(gone(run))
    request = read_request(run)
    assert isinstance(request, EvalRequest) and set(request.checkpoints) == set(policies)
    real = dict(zip("AB", request.checkpoints, strict=True))
    assert [t.checkpoint for t in state.trials] == [real[t.checkpoint] for t in blinded.trials]
    assert all(t.measured and t.measured.infer_ms for t in state.trials)
    assert state.policy is not None and state.policy.parameters > 0
    assert state.policy.weights == weights[state.policy.checkpoint], "what was loaded is known by content"
    where = telling(told(rig.folder, run, state), NAMES)
    assert {"page", "line", "copies", "listing", "snapshot", "arms", "file events.jsonl"} <= where
    assert {"shell show {id}", "shell sessions --json", "shell stats {id}", "shell report {id}"} <= where


def request_for(tmp_path: Path, **options: Any) -> EvalRequest:
    return evaluation.plan(
        make_folder(tmp_path), state_bench(), checkpoint=f"{GOOD},{BAD}", task="x", conditions="x200 y0", **options
    )


def test_which_code_a_policy_gets_is_drawn_and_two_at_least_are_shuffled(tmp_path: Path) -> None:
    drawn = {request_for(tmp_path, blinded=True).checkpoints for _ in range(40)}
    assert drawn == {(GOOD, BAD), (BAD, GOOD)}, "chance of a wrong failure: 2 to the power of -39"
    assert request_for(tmp_path).checkpoints == (GOOD, BAD)
    assert request_for(tmp_path, blinded=True).dataset == "rollout_blinded"
    with pytest.raises(Refusal, match="shuffles"):
        request_for(tmp_path, blinded=True, order="listed")
    with pytest.raises(Refusal, match="2 to 26 policies, not 1"):
        evaluation.plan(make_folder(tmp_path), state_bench(), checkpoint=GOOD, task="x", blinded=True)


def test_words_about_a_blinded_policy_have_no_name_and_no_code(tmp_path: Path) -> None:
    hides = Blinding(request_for(tmp_path, blinded=True))
    made = ev.PreflightMade(
        preflight=1,
        checks=(
            Check(name=f"{GOOD}: rate", level=Level.GOOD, found="15 Hz"),
            Check(name=f"{BAD}: rate", level=Level.BAD, found=f"30 Hz, unlike {GOOD}", mends="15 Hz"),
        ),
    )
    told = hides.event(made)
    assert isinstance(told, ev.PreflightMade)
    assert [(c.name, c.found) for c in told.checks] == [
        ("a policy: rate", "30 Hz, unlike a policy"), ("a policy: rate", "looked at"),
    ]  # fmt: skip
    alarm = hides.event(ev.AlarmRaised(source="policy", text=f"{GOOD} does not answer"))
    assert isinstance(alarm, ev.AlarmRaised) and alarm.text == "a policy does not answer"
    assert hides.words(f"{GOOD}5 is another one") == f"{GOOD}5 is another one"
    note = ev.NoteAdded(text=f"is this {GOOD}?")
    assert hides.event(note) is note, "a person's words stay"
    hides.event(ev.Unblinded(by="a"))
    assert hides.event(made) is made


def test_a_session_that_ended_blinded_is_unblinded_in_the_log_with_a_reason(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    request = request_for(tmp_path, blinded=True)
    hides = Blinding(request)
    run = folder.run("20261127-120000-aaaa")
    run.root.mkdir(parents=True)
    write_request(run, request)
    started = ev.SessionStarted(id=run.id, pid=0, host="h", request=request, at=1.0)
    with EventLog(run) as log:
        for event in (
            started,
            ev.TrialStarted(trial=1, checkpoint=GOOD, at=2.0),
            ev.TrialEnded(trial=1, frames=9, reason="time", at=3.0),
            ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS, at=4.0),
            ev.SessionEnded(status="finished", at=5.0),
        ):
            log.append(hides.event(event))
    session = logbook.sessions(folder).sessions[0]
    assert blinding.blind(session.request) and session.trials[0].checkpoint in ("A", "B")
    on = look(folder, load_benches(built_in=True), run.id).request
    assert (on.checkpoints, on.blinded, on.dataset) == (request.checkpoints, True, "rollout_blinded")
    assert [(t.checkpoint, t.success) for t in on.before.tried] == [(GOOD, 1)]
    assert [(t.checkpoint, t.success) for t in blinding.hidden(on).before.tried] == [(session.trials[0].checkpoint, 1)]
    with pytest.raises(Refusal, match="still to be judged"):
        unblind(folder, "last", by="tester")
    with EventLog(run), pytest.raises(Refusal, match=f"{run.id} still runs.*lab-console attach {run.id}"):
        unblind(folder, "last", by="tester", reason="the arm broke")
    assert [each.id for each in unblind(folder, "last", by="tester", reason="the arm broke")] == [run.id]
    session = logbook.sessions(folder).sessions[0]
    assert session.trials[0].checkpoint == GOOD and set(session.request.checkpoints) == {GOOD, BAD}
    assert session.unblinded is not None and session.unblinded.reason == "the arm broke"
    assert "before its end: the arm broke" in repr(page(session))
    on = look(folder, load_benches(built_in=True), run.id).request
    assert set(on.checkpoints) == {GOOD, BAD} and not on.blinded, "what comes after it was unblinded is not blinded"
    with pytest.raises(Refusal, match="hides no policy"):
        unblind(folder, "last", by="tester", reason="again")
