"""Who follows a training elsewhere: nothing is said before it is known, and nothing that arrived is lost."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol as live
from services.live.event_log import EventLog, read_events
from services.live.protocol import Code
from services.live.reasons import AlarmSource
from services.live.requests import TrainRequest
from services.targets import protocol
from services.targets.transfer import Stopped
from services.workers.following.errands import Errands, Fetched, Lost
from services.workers.following.follower import Follower
from services.workers.following.mirror import MetricsCopy
from services.workers.process.context import Context
from services.workers.process.journal import Journal
from services.workers.process.mailbox import Mailbox
from services.workers.process.replies import Received
from services.workers.process.server import Server
from sessions.models import SessionStatus
from sessions.target import Target


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = DataFolder(tmp_path).create().run("20261127-100000-0001")
    made.root.mkdir(parents=True)
    return made


@pytest.fixture
def follower(run: RunFolder, tmp_path: Path) -> Iterator[Follower]:
    """One that is not running: what arrives is handed to it by hand."""
    mailbox = Mailbox()
    server = Server(run, receive=mailbox.receive, driver_lost=mailbox.lose_driver)
    journal = Journal(EventLog(run), lambda _: None)
    yield Follower(Context(run, journal, server, mailbox), request(tmp_path))
    journal.close()


def request(root: Path) -> TrainRequest:
    target = Target(name="box", host="box")
    return TrainRequest(data_dir=str(root), dataset="cubes", policy="act", name="act_cubes", steps=4, on=target)


def line(event: ev.Event, *, last: bool = False) -> protocol.EventLine:
    return protocol.EventLine(line=ev.encode(event).decode(), last=last)


def finish(follower: Follower) -> tuple[Code, str]:
    """What is answered to a stop."""
    answers: list[tuple[Code, str]] = []
    follower._handle(Received(live.Finish(by="anna"), lambda code, text: answers.append((code, text))))
    return answers[0]


def test_the_end_waits_until_the_last_checkpoint_is_noted(follower: Follower, run: RunFolder) -> None:
    saved = ev.CheckpointSaved(at=1.0, step=4, path="/there/checkpoints/000004", bytes=1, seconds=0.1)
    follower._receive(line(saved))
    done = ev.SessionEnded(at=2.0, status=SessionStatus.FINISHED, reason="trained all 4 steps")
    follower._receive(line(done, last=True))
    (event, _), *_ = follower._errands._wanted.values()
    follower._errands._wanted.clear()  # it is here by now, and its report is on its way
    assert follower._end() is None, "the session ended without its last checkpoint"
    follower._receive(Fetched(event))
    assert follower._end() == (SessionStatus.FINISHED, "trained all 4 steps")
    follower.context.journal.commit(ev.NoteAdded(text="now all is written"))
    assert [each.step for each in read_events(run.events) if isinstance(each, ev.CheckpointSaved)] == [4]


def test_an_end_that_more_follows_is_not_the_end(follower: Follower, run: RunFolder) -> None:
    """A job that was preempted: of two lines sent at once, the first may arrive alone."""
    stopped = ev.SessionEnded(at=1.0, status=SessionStatus.ABORTED, reason="stopped by SIGTERM at step 2")
    follower._receive(line(stopped))
    assert follower._end() is None
    follower._receive(
        line(ev.TrainingResumed(at=2.0, step=2, steps=4, checkpoint="", reached=2, wanted=4, ended=stopped))
    )
    assert follower._end() is None
    follower.context.journal.commit(ev.NoteAdded(text="now all is written"))
    assert [type(each) for each in read_events(run.events)][:2] == [ev.SessionEnded, ev.TrainingResumed]


def test_what_was_never_asked_for_there_is_stopped_here_and_not_said_to_go_on(follower: Follower) -> None:
    follower._receive(Lost("box does not answer"))
    assert finish(follower)[0] is Code.OK
    assert follower._end() == (SessionStatus.ABORTED, "stopped by anna before the first step")


class FakeConnection:
    """Answers as a target that has no such session, and notes what it is asked."""

    def __init__(self) -> None:
        self.hello, self.closed = SimpleNamespace(data_dir="/there"), None
        self.asked: list[Any] = []

    def ask(self, request: protocol.Request, timeout_s: float = 0) -> protocol.Answer:
        self.asked.append(request)
        begun = any(isinstance(each, protocol.Begin) for each in self.asked)
        return protocol.Answer(id=1, error="" if begun else "there is no session")


def errands(run: RunFolder, root: Path, monkeypatch: pytest.MonkeyPatch) -> Errands:
    made = Errands(run, request(root), lambda _: None, lambda _: None, lambda: 0, begun=False)
    monkeypatch.setattr(made, "_send", lambda connection: request(root))
    return made


def test_what_is_called_off_is_never_asked_for_and_what_was_asked_for_cannot_be_called_off(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, there = errands(run, tmp_path, monkeypatch), FakeConnection()
    assert first.call_off()
    with pytest.raises(Stopped):
        first._follow(there)  # type: ignore[arg-type]
    assert [type(each) for each in there.asked] == [protocol.Follow]
    second = errands(run, tmp_path, monkeypatch)
    second._follow(there)  # type: ignore[arg-type]
    assert [type(each) for each in there.asked][-2:] == [protocol.Begin, protocol.Follow]
    assert not second.call_off()
    assert not errands(run, tmp_path, monkeypatch).call_off(), "another follower asked for it before"


def test_metrics_that_the_disk_refuses_wait_in_memory(follower: Follower, run: RunFolder) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    follower._receive(protocol.MetricLines(lines='{"step": 1}\n', at=0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (15, before[1]))
    try:
        follower._receive(protocol.MetricLines(lines='{"step": 2}\n{"step": 3}\n', at=12))
        follower._receive(protocol.MetricLines(lines='{"step": 3}\n{"step": 4}\n', at=24))
        assert run.metrics.read_text() == '{"step": 1}\n'
        assert AlarmSource.METRICS in follower._alarmed
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    follower._keep_metrics()
    assert run.metrics.read_text() == "".join(f'{{"step": {step}}}\n' for step in (1, 2, 3, 4))
    assert AlarmSource.METRICS not in follower._alarmed


def test_a_copy_of_metrics_goes_on_after_its_last_whole_line(run: RunFolder) -> None:
    run.metrics.write_text('{"step": 1}\n{"st')
    copy = MetricsCopy(run)
    assert copy.size == 12
    copy.add(b'{"step": 1}\n{"step": 2}\n', 0)
    copy.add(b'{"step": 9}\n', 36)  # there is a hole before it: it comes again
    copy.close()
    assert run.metrics.read_text() == '{"step": 1}\n{"step": 2}\n'
