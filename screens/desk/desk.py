"""The desk: data folder, benches, the current session of this console and the training that it watches.

Screens call its methods and later receive a message; they never poll for completion. It runs on the event loop,
posts messages to the screens that watch it, and leaves disk and processes to threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from screens.desk.attachment import Attachment
from screens.desk.distant_stop import DistantStop
from screens.desk.messages import SessionChanged
from screens.desk.stop_watch import StopWatch
from screens.desk.training_watch import TrainingWatch
from screens.views import keys
from screens.views.phase_view import stands
from screens.views.signs import clean
from services import arm_commands
from services.bench.profiles import Benches, Profile
from services.folders import DataFolder, RunFolder
from services.live import warm
from services.live.client import ATTACH_PATIENCE_S, START_PATIENCE_S
from services.live.events import CalibrationRefused
from services.live.phases import Phase
from services.live.reasons import StopCause
from services.live.requests import ArmRequest, Purpose
from services.live.stop_line import StopLine
from services.tone import Tone
from sessions.models import SessionKind


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
        super().__init__(name or "console", profile, stop_line)
        self.folder, self.benches, self.demo = folder, benches, demo
        self.operator = profile.operators[0] if profile.operators else ""
        self.opened = ""
        self.forms: dict[str, dict[str, str]] = {}
        self.training = TrainingWatch(self, folder, self.name)
        self.chosen_checkpoint = ""
        self._asked_about = ""
        self._distant_stop = DistantStop(self)

    def use_bench(self, bench: str) -> None:
        """Choose another bench; refused while a session runs."""
        if self.live:
            self.refuse("a session runs: it stays at its bench")
            return
        self.profile = self.benches.profiles[bench]
        self.operator = self.profile.operators[0] if self.profile.operators else self.operator
        self.link = None
        self.post(SessionChanged)

    # --- verbs ----------------------------------------------------------------------------------

    def stop(self, cause: StopCause = StopCause.KEY) -> None:
        """Hold the arm, by the session that has it if this console is attached to none; harmless if it is still."""
        if self._stop_line is not None and self._stop_line.aimed:
            self._stop_line.stop(cause)
        elif self.link is not None and self.link.connected:
            self.order(arm_commands.hold(self.link, cause))
        elif not self.live:
            self._distant_stop.press(cause)

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
            self.refuse(f"a session runs already: {keys.FINISH} finishes it, {keys.LEAVE} leaves it running")
            return
        self.spawn(self._launch(begin, kind))

    async def _launch(self, begin: Callable[[], RunFolder], kind: SessionKind) -> None:
        """Detach, launch, attach. `starting` is reset on every failure."""
        self.starting, self._asked_for, self.started_here = True, kind, True
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
        return self.spawn(self._attach(run, drive=drive, patience_s=ATTACH_PATIENCE_S))

    def join(self, run: RunFolder, kind: SessionKind | None) -> asyncio.Task[Any]:
        """Attach to a running worker: a training is watched beside the session, any other kind is the session."""
        return self.training.attach(run) if kind is SessionKind.TRAIN else self.attach(run)

    async def leave(self) -> None:
        """Detach for good; no message is posted afterwards."""
        self._watchers.clear()
        self.ignore_warnings()
        await self.training.detach()
        await self.detach()

    def rescue(self, run: RunFolder, pid: int) -> None:
        """Kill a worker that does not answer to the stop key, and hold the arm with a new one."""
        self.spawn(self._rescue(run, pid))

    async def _rescue(self, run: RunFolder, pid: int) -> None:
        """Kill the worker and attach to one that holds the arm. NO ANSWER stays until that one has measured it."""
        profile, operator, before = self.profile, self.operator, self.snapshot
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
        self.notice(
            f"a rescue worker holds the arm{lost}: {keys.RELEASE} releases it, {keys.REST} goes to rest", Tone.WARNING
        )

    async def finish_and_wait(self) -> bool:
        """End the session in order; returns whether it ended (a refusal is shown, and the session goes on)."""
        link = self.link
        if link is None or not link.connected:
            return True
        self.notice("finishing: the take is saved, the arm goes to rest, then the console leaves", Tone.ACCENT)
        answer = await arm_commands.finish(link)
        if not answer.ok:
            self.refuse_answer(answer)
            return False
        await link.until(lambda s: not s.running)
        return True
