"""The desk: what fails while it attaches is said, and leaves it ready for the next session."""

from __future__ import annotations

from services.live import events as ev
from services.live import launch
from sessions.models import SessionKind
from tests.support.fake_desk import FakeWorker

start_scribe = launch.start_scribe


async def test_an_attachment_that_fails_leaves_the_desk_free(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.run.events.unlink()
        worker.run.events.mkdir()  # no file can be read there
        await console.desk.attach(worker.run)
        await console.sees("Not a file")
        assert not console.desk.live and not console.desk.starting
        next_worker = await make_worker()
        console.desk.start(lambda: next_worker.run, SessionKind.RECORD)
        await console.until(lambda: console.desk.live and console.desk.snapshot.started is not None)


async def test_a_repair_is_said_once(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.tell(ev.DatasetRecovered(episodes=3, frames=90, summary="recovered 3 episodes, 90 frames"))
        await console.sees("the dataset was repaired: recovered 3 episodes, 90 frames")


async def test_a_scribe_that_cannot_start_is_said_and_the_session_is_attached_to(
    open_console, make_worker, monkeypatch
):
    monkeypatch.setattr(launch, "start_scribe", start_scribe)
    async with open_console() as console:
        worker: FakeWorker = await make_worker()
        (console.folder.root / "scribe.log").mkdir()

        def begin():
            launch._try_to_start_scribe(console.folder, worker.run)
            return worker.run

        console.desk.start(begin, SessionKind.RECORD)
        await console.sees("the session runs, but the log follows it later")
        await console.until(lambda: console.desk.live and not console.desk.starting)
        assert console.desk.snapshot.started is not None
