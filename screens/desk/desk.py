"""The desk: data folder, benches, the current session of this console and the training that it watches.

Screens call its methods and later receive a message; they never poll for completion. It runs on the event loop,
posts messages to the screens that watch it, and leaves disk and processes to threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from screens.desk.attachment import Attachment
from screens.desk.distant_stop import DistantStop
from screens.desk.hotkeys import Hotkeys
from screens.desk.messages import EpisodeWanted, SessionChanged
from screens.desk.run_shelf import RunShelf
from screens.desk.stop_watch import StopWatch
from screens.desk.training_watch import TrainingWatch
from screens.views import keys
from screens.views.alarms import Choice
from screens.views.phase_view import stands
from screens.views.signs import clean
from services import arm_commands
from services.bench.profiles import Benches, Profile
from services.folders import DataFolder, RunFolder
from services.live import protocol, warm
from services.live.client import ATTACH_PATIENCE_S, START_PATIENCE_S
from services.live.events import CalibrationRefused
from services.live.phases import Phase
from services.live.reasons import StopCause
from services.live.requests import ArmRequest, Purpose
from services.live.stop_line import StopLine
from services.tone import Tone
from sessions.models import SessionKind

WORKING = frozenset({Phase.RECORDING, Phase.RUNNING})
"""Phases of a take or a trial: the screen shows the bench."""


class LookedAt(NamedTuple):
    """An episode, counted from 0, of the dataset at `root`."""

    root: Path
    episode: int


STOP_WAITS = "the stop goes to the session as soon as it is attached: nothing has answered yet"
STOPPED_AT_START = "stopped while it starts: nothing moves and nothing is recorded until you press a key for it"


class Desk(Attachment):
    """One per console."""

    def __init__(
        self,
        folder: DataFolder,
        benches: Benches,
        profile: Profile,
        *,
        name: str = "",
        demo: bool = False,
        stop_line: StopLine | None = None,
    ) -> None:
        super().__init__(name or "console", profile, stop_line, benches.profiles)
        self.folder, self.benches, self.demo = folder, benches, demo
        self.operator = profile.operators[0] if profile.operators else ""
        self.opened = ""
        self.looked_at: LookedAt | None = None
        self.forms: dict[str, dict[str, str]] = {}
        self.training = TrainingWatch(self, folder, self.name)
        self.runs = RunShelf(self, folder, self.training)
        self.chosen_checkpoint = ""
        self.alarm_choice: Choice | None = None
        self._stop_unsent: StopCause | None = None
        self.stopped_at_start = False
        """Whether the stop key was pressed while the present session started."""
        self._asked_about = ""
        self._distant_stop = DistantStop(self)
        self.hotkeys = Hotkeys(self, benches.hotkeys)

    @property
    def stop_line(self) -> StopLine | None:
        """What carries a stop past a busy event loop, if there is one."""
        return self._stop_line

    def use_bench(self, bench: str) -> None:
        """Choose another bench; refused while a session runs."""
        if self.live:
            self.refuse("a session runs: it stays at its bench")
            return
        self._bench = self.benches.profiles[bench]
        self.operator = self.profile.operators[0] if self.profile.operators else self.operator
        self.link = None
        self.post(SessionChanged)

    @property
    def works(self) -> bool:
        """Whether a take or a trial runs in this console's session, whoever drives it."""
        approaches = self.kind is SessionKind.EVAL and self.snapshot.phase is Phase.ALIGNING
        return self.live and (approaches or self.snapshot.phase in WORKING)

    @property
    def why_no_look(self) -> str:
        """Why no episode can be looked at now; empty if one can."""
        what = "trial" if self.kind is SessionKind.EVAL else "take"
        return f"a {what} runs: look at episodes between two of them, or after the session" if self.works else ""

    def look_at(self, root: Path, episode: int) -> None:
        """Open the viewer on an episode, counted from 0, of the dataset at `root`; refused while the arm is at work."""
        self.spawn(self._look_at(root, episode))

    async def _look_at(self, root: Path, episode: int) -> None:
        there = root.is_absolute() and await asyncio.to_thread(root.is_dir)
        if self.why_no_look:
            self.refuse(self.why_no_look)
        elif not there:
            self.refuse(f"dataset {root.name} is not at {root} any more: there is nothing to look at")
        else:
            self.looked_at = LookedAt(root, episode)
            self.post(EpisodeWanted)

    # --- verbs ----------------------------------------------------------------------------------

    def stop(self, cause: StopCause = StopCause.KEY) -> None:
        """Hold the arm, by the session that has it if this console is attached to none; harmless if it is still."""
        if self._stop_line is not None and self._stop_line.aimed:
            self._stop_line.stop(cause)
        elif self.link is not None and self.link.connected:
            self.order(arm_commands.hold(self.link, cause))
            if self.snapshot.phase is Phase.STARTING:
                self.note_stop_at_start()
        elif self.live:
            self._stop_unsent = cause
            if self.started_here:
                self.note_stop_at_start()
            else:
                self.notice(STOP_WAITS, Tone.WARNING)
        else:
            self._distant_stop.press(cause)

    def _on_welcome(self, welcome: protocol.Welcome) -> None:
        """A stop that was pressed before the worker could be reached is the first that it hears."""
        super()._on_welcome(welcome)
        if self._stop_unsent is not None and self.link is not None:
            self.order(arm_commands.hold(self.link, self._stop_unsent))
            self._stop_unsent = None

    def note_stop_at_start(self) -> None:
        """Say what a stop does to a session that is starting."""
        self.stopped_at_start = True
        self.notice(STOPPED_AT_START)

    def listen(self) -> None:
        """Start to report answers to the stop key, and warnings of services, to the operator."""
        self.listen_to_warnings()
        if self._stop_line is not None:
            StopWatch(self, self._stop_line).listen()

    def warm_up(self, policy: str | None = None) -> None:
        """Have a worker preload what a session at this bench needs (see `warm.keep`): one may start soon."""
        if not self.live:
            self.spawn(asyncio.to_thread(warm.keep, self.folder, self.profile, policy))

    def start_bench(self, purpose: Purpose, *, rescue: bool = False) -> None:
        """Start a bench session and attach to it."""
        profile, operator = self.profile, self.operator
        self.start(
            lambda: arm_commands.begin(self.folder, profile, purpose, operator=operator, rescue=rescue),
            SessionKind.BENCH,
        )

    def start(self, begin: Callable[[], RunFolder], kind: SessionKind) -> None:
        """Launch a worker with `begin` (in a thread) and attach to it; refused while a session runs."""
        if self.live:
            self.refuse("a session runs already", f"{keys.FINISH} finishes it, {keys.LEAVE} leaves it running")
            return
        self.spawn(self._launch(begin, kind))

    async def _launch(self, begin: Callable[[], RunFolder], kind: SessionKind) -> None:
        """Detach, launch, attach. `starting` is reset on every failure."""
        self.starting, self._asked_for, self.started_here = True, kind, True
        self.stopped_at_start, self._stop_unsent = False, None
        try:
            await self.detach()
            run = await asyncio.to_thread(begin)
            await self._attach(run, drive=True, patience_s=START_PATIENCE_S)
        finally:
            self.starting = False
            self.post(SessionChanged)

    def take_refused_calibrations(self) -> tuple[CalibrationRefused, ...]:
        """Calibrations that kept the session begun here from starting; empty once taken."""
        if self.live or self.link is None or not self.started_here or self._asked_about == self.link.run.id:
            return ()
        self._asked_about = self.link.run.id
        return self.snapshot.refused_calibrations

    def mend_calibrations(self, refused: tuple[CalibrationRefused, ...]) -> None:
        """Begin the session anew, which does first what its worker offered to do about these calibrations."""
        request = self.snapshot.started.request if self.snapshot.started else None
        if isinstance(request, ArmRequest):
            self.start(lambda: arm_commands.begin_again(self.folder, request, refused), request.kind)

    def attach(self, run: RunFolder, *, drive: bool = True) -> asyncio.Task[Any]:
        """Attach to a running session; the task ends when that is done or has failed."""
        self.started_here, self._asked_for = False, None
        self.stopped_at_start, self._stop_unsent = False, None
        return self.spawn(self._attach(run, drive=drive, patience_s=ATTACH_PATIENCE_S))

    def join(self, run: RunFolder, kind: SessionKind | None) -> asyncio.Task[Any]:
        """Attach to a running worker: a training is watched beside the session, any other kind is the session."""
        return self.training.attach(run) if kind is SessionKind.TRAIN else self.attach(run)

    async def leave(self) -> None:
        """Detach for good; no message is posted afterwards."""
        self.hotkeys.close()
        self._watchers.clear()
        self.ignore_warnings()
        if self.runs.logs is not None:
            self.runs.logs.close()
        await self.training.detach()
        await self.detach()

    def rescue(self, run: RunFolder, pid: int) -> None:
        """Kill a worker that does not answer to the stop key, and hold the arm with a new one."""
        self.spawn(self._rescue(run, pid))

    async def _rescue(self, run: RunFolder, pid: int) -> None:
        """Kill the worker and attach to one that holds the arm. NO ANSWER stays until that one has measured it."""
        before = self.snapshot
        own = before.started.profile if before.started else None
        profile, operator = own or self.profile, self.operator
        await self._launch(lambda: arm_commands.rescue(self.folder, run, pid, profile, operator), SessionKind.BENCH)
        if self.link is None or not self.live:
            return
        self.stop_unanswered("the worker was killed, a rescue worker connects to the arm: not known to be held yet")
        state = await self.link.until(lambda snapshot: snapshot.phase is not Phase.STARTING)
        if not state.running or not stands(state):
            self.stop_unanswered(f"the rescue worker does not hold the arm: {clean(state.end_reason or state.detail)}")
            return
        self.stop_answered()
        lost = f"; take {before.take} was not saved" if before.phase is Phase.RECORDING else ""
        then = f"{keys.RELEASE} releases it, {keys.REST} goes to rest"
        self.notice(f"a rescue worker holds the arm{lost}", Tone.WARNING, then)

    async def finish_and_wait(self) -> bool:
        """End the session in order; returns whether it ended (a refusal is shown, and the session goes on)."""
        link = self.link
        if link is None or not link.connected:
            return True
        self.notice("finishing: the take is saved, the arm goes to rest, then the console leaves", Tone.ACCENT)
        answer = await arm_commands.finish(link, self.operator)
        if not answer.ok:
            self.refuse_answer(answer)
            return False
        await link.until(lambda s: not s.running)
        return True
