"""A blinded comparison: until it is unblinded nothing that an operator sees tells which policy is which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from services.folders import RunFolder
from services.live import intents, protocol
from services.live.link import Link
from services.live.requests import EvalRequest, read_request
from services.live.snapshots import Snapshot
from services.log import logbook
from services.log.arms import arms
from services.log.copies import copies
from services.log.headline import headline
from services.log.listing import as_json
from services.log.page import page
from sessions.models import Verdict
from tests.support.evaluating import evaluate, state_bench
from tests.support.rig import Rig, finish, gone, press, wait_until

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
    yield "snapshot", repr(replace(state))
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
