"""A blinded comparison: until it is unblinded nothing that an operator sees tells which policy is which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.evaluation import plan as evaluation
from services.folders import RunFolder
from services.live import events as ev
from services.live import intents, protocol
from services.live.event_log import EventLog
from services.live.link import Link
from services.live.requests import EvalRequest, read_request, write_request
from services.live.snapshots import Snapshot
from services.log import logbook
from services.log.arms import arms
from services.log.copies import copies
from services.log.headline import headline
from services.log.listing import as_json
from services.log.page import page
from services.log.unblinding import unblind
from services.refusal import Refusal
from services.workers.process.blinding import Blinding
from sessions import blinding
from sessions.models import Verdict
from sessions.preflight import Check, Level
from tests.support.evaluating import evaluate, state_bench
from tests.support.rig import Rig, finish, gone, press, wait_until
from tests.support.runs import make_folder

GOOD, BAD = "sim-scripted@1", "sim-scripted@0"
NAME = "sim-scripted"


async def play(link: Link) -> None:
    """The next trial, judged by the oracle."""
    number = intents.next_trial(link.snapshot)
    await press(link, lambda: protocol.StartTrial(trial=number))
    await link.until(lambda s: len(s.trials) == number and s.judged == number and len(s.episodes) == number, 60.0)


def seen(rig: Rig, run: RunFolder, link: Link | None, state: Snapshot) -> Iterator[tuple[str, str]]:
    """All that an operator comes across, by where: files and their names, the log, what a console gets, processes."""
    for path in sorted(rig.folder.root.rglob("*")):
        yield "file name", str(path.relative_to(rig.folder.root))
        if path.is_file() and path != run.request:
            yield str(path), path.read_bytes().decode(errors="replace")
    session = next(s for s in logbook.sessions(rig.folder).sessions if s.id == run.id)
    yield "page", repr(page(session))
    yield "line", repr(headline(session))
    yield "copies", repr(copies(session, {}))
    yield "listing", json.dumps(as_json([session]))
    yield "snapshot", repr(state)
    if link is not None:
        yield "telemetry", repr(link.telemetry)
    for process in psutil.process_iter(["cmdline", "name"]):
        if str(rig.folder.root) in " ".join(process.info["cmdline"] or ()):
            yield "process", f"{process.info['name']} {process.info['cmdline']}"
    if state.judged:
        yield "arms", repr(arms([run.id], rig.folder))


def tells(places: Iterator[tuple[str, str]]) -> list[str]:
    return [where for where, text in places if NAME in text]


async def test_nothing_tells_which_policy_is_which_before_it_is_unblinded(rig: Rig) -> None:
    run = evaluate(
        rig, state_bench(), policy=Path(f"{GOOD}, {BAD}"), blinded=True, judge="oracle", trials=2, trial_seconds=6.5,
        seed=4,
    )  # fmt: skip
    async with rig.attached(run) as link:
        await play(link)
        answer = await link.ask(protocol.Unblind(by="tester"))
        assert not answer.ok and "say why" in answer.error
        assert tells(seen(rig, run, link, link.snapshot)) == []
        await play(link)
        assert tells(seen(rig, run, link, link.snapshot)) == []
        codes = {t.checkpoint for t in link.snapshot.trials}
        assert codes == {"A", "B"}
        verdicts = {t.checkpoint: t.verdict for t in link.snapshot.trials}
        assert (await link.ask(protocol.Unblind(by="tester"))).ok
        state = await finish(link)
    wait_until(gone(run))
    request = read_request(run)
    assert isinstance(request, EvalRequest)
    real = dict(zip("AB", request.checkpoints, strict=True))
    assert {real[code]: verdict for code, verdict in verdicts.items()} == {
        GOOD: Verdict.SUCCESS, BAD: Verdict.FAILURE,
    }  # fmt: skip
    assert {t.checkpoint: t.verdict for t in state.trials} == {GOOD: Verdict.SUCCESS, BAD: Verdict.FAILURE}
    assert {"page", "line", "copies", "snapshot", "arms"} <= set(tells(seen(rig, run, None, state)))


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
    with pytest.raises(Refusal, match="still to be judged"):
        unblind(folder, "last", by="tester")
    assert [each.id for each in unblind(folder, "last", by="tester", reason="the arm broke")] == [run.id]
    session = logbook.sessions(folder).sessions[0]
    assert session.trials[0].checkpoint == GOOD and set(session.request.checkpoints) == {GOOD, BAD}
    assert session.unblinded is not None and session.unblinded.reason == "the arm broke"
    assert "before its end: the arm broke" in repr(page(session))
    with pytest.raises(Refusal, match="hides no policy"):
        unblind(folder, "last", by="tester", reason="again")
