"""The one session that this console is attached to: its client's callbacks become messages to the screens."""

from __future__ import annotations

import time
from typing import Any

from screens.desk.messages import SessionChanged, SnapshotArrived, StopAnswered, StopUnanswered, TelemetryArrived
from screens.desk.notifier import Notifier
from screens.views import keys
from screens.views.signs import clean, signs
from services.bench import calibration
from services.bench.profiles import Profile
from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.client import Client
from services.live.link import LinkLost
from services.live.phases import Phase, offered
from services.live.snapshots import Snapshot
from services.live.stop_line import StopLine
from services.tone import Tone
from sessions.models import SessionKind, SessionStatus

JUST_S = 0.3


class Attachment(Notifier):
    """`link` is None before the first session and after detaching; a finished session stays readable."""

    def __init__(self, name: str, profile: Profile, stop_line: StopLine | None) -> None:
        super().__init__()
        self.name, self.profile = name, profile
        self.link: Client | None = None
        self.starting = False
        self.started_here = False
        self.lost_reason = ""
        self.held_ms = 0.0
        self._stop_answered_at = 0.0
        self.unanswered = ""
        """What is being done about a stop that nothing answered; empty where none waits for its answer."""
        self._asked_for: SessionKind | None = None
        self._stop_line = stop_line

    # --- what is known --------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The state of the current session; an empty snapshot if there is none."""
        return self.link.snapshot if self.link else Snapshot()

    @property
    def telemetry(self) -> protocol.Telemetry | None:
        """The newest telemetry of the running session, else None."""
        return self.link.telemetry if self.link and self.live else None

    @property
    def live(self) -> bool:
        """Whether a session runs and this console is attached to it, or waits for its worker."""
        return self.starting or (self.link is not None and self.link.live)

    @property
    def driving(self) -> bool:
        """Whether this console may send commands (every console may stop the arm)."""
        return self.link is not None and self.link.may_command

    @property
    def watching(self) -> bool:
        """Whether another console may drive; not while a session started here is still starting."""
        starts_here = self.started_here and self.snapshot.phase is Phase.STARTING
        return self.live and not self.starting and not self.driving and not starts_here

    @property
    def can_move(self) -> bool:
        """Whether the arm may move now, so that Esc and x mean stop."""
        return self.live and (self.snapshot.started is None or offered(self.snapshot, protocol.Stop))

    @property
    def kind(self) -> SessionKind | None:
        """The kind of the current session, or of the one that is starting."""
        started = self.snapshot.started
        return started.kind if started else self._asked_for if self.starting or self.link else None

    @property
    def cameras(self) -> dict[str, dict[str, Any]]:
        """The cameras of the session's bench, by name, as LeRobot's configs."""
        started = self.snapshot.started
        profile = started.profile if started else None
        return (profile.cameras if profile else {}) or self.profile.cameras

    @property
    def driver(self) -> str:
        """The name of the driver, cleaned for display; empty if nobody drives."""
        return clean(self.link.driver, 40) if self.link else ""

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last log lines of a worker that crashed or vanished."""
        link = self.link
        if link is None or link.snapshot.status not in (SessionStatus.CRASHED, SessionStatus.RUNNING):
            return ()
        return tuple(clean(line, 200) for line in link.last_words)

    # --- the stop key ---------------------------------------------------------------------------

    def stop_unanswered(self, doing: str) -> None:
        """Cover the screens with NO ANSWER until the stop is answered."""
        self.unanswered = doing
        self.post(StopUnanswered)

    def stop_answered(self) -> None:
        """Uncover them."""
        self.unanswered, self._stop_answered_at = "", time.monotonic()
        self.post(StopAnswered)

    @property
    def just_stopped(self) -> bool:
        """Whether a key that is acted on now may be the one that has just stopped the arm: a stop overtakes keys."""
        return time.monotonic() - self._stop_answered_at < JUST_S

    # --- attaching and detaching ----------------------------------------------------------------

    async def _attach(self, run: RunFolder, *, drive: bool, patience_s: float) -> None:
        self.starting = True
        try:
            await self.detach()
            self.link, self.lost_reason = self._client(run, drive=drive), ""
            self.post(SessionChanged)
            await self.link.attach(patience_s)
        except LinkLost:  # `_on_lost` has reported the reason
            return
        except BaseException:
            await self.detach()
            raise
        finally:
            self.starting = False
        self._show_session()

    def _client(self, run: RunFolder, *, drive: bool) -> Client:
        return Client(
            run, name=self.name, drive=drive, on_event=self._on_event, on_telemetry=self._on_telemetry,
            on_welcome=self._on_welcome, on_reattached=self._on_reattached, on_lost=self._on_lost,
        )  # fmt: skip

    def _show_session(self) -> None:
        """After attaching: switch to the session's bench and have the screens show its state."""
        snapshot = self.snapshot
        self._use_bench_of(snapshot)
        self.post(lambda: SnapshotArrived(snapshot))
        self.post(SessionChanged)

    def _use_bench_of(self, snapshot: Snapshot) -> None:
        """Use the bench of the session, with the profile that the session was started with."""
        if snapshot.started is not None and snapshot.started.profile is not None:
            self.profile = snapshot.started.profile

    async def detach(self) -> None:
        """Detach from the current session; its worker keeps running."""
        link, self.link = self.link, None
        if self._stop_line:
            self._stop_line.disarm()
        if link is not None:
            await link.close()
            self.post(SessionChanged)

    # --- callbacks of the client ----------------------------------------------------------------

    def _on_event(self, event: ev.Event, snapshot: Snapshot) -> None:
        self.bells.ring_for(event, self.kind)
        if isinstance(event, ev.PhaseChanged) and snapshot.phase is not Phase.HELD:
            self.held_ms = 0.0
        self.post(lambda: SnapshotArrived(snapshot, event))
        if isinstance(event, ev.DatasetRecovered):
            self.notice(f"the dataset was repaired: {event.summary}", Tone.ACCENT)
        elif isinstance(event, ev.CalibrationWritten):
            self.notice(calibration.done(event), Tone.ACCENT)
        if not snapshot.running:
            if self._stop_line:
                self._stop_line.disarm()
            self.post(SessionChanged)

    def _on_telemetry(self, telemetry: protocol.Telemetry) -> None:
        self.post(lambda: TelemetryArrived(telemetry))

    def _on_welcome(self, welcome: protocol.Welcome) -> None:
        link = self.link
        if link is None:
            return
        if self._stop_line:
            self._stop_line.aim(link.run, welcome.pid)
        self.post(lambda: SnapshotArrived(link.snapshot))

    def _on_reattached(self, why: str) -> None:
        self.notice(f"{why}; attached again", Tone.WARNING)
        self._show_session()

    def _on_lost(self, why: str) -> None:
        """The session is over. A reason is given if its worker is gone or does not answer; else it ended in order."""
        link = self.link
        if link is None:
            return
        if why:
            self.lost_reason = clean(why)
            self.bells.play("alarm")
            if link.gone and self._stop_line:  # else the stop line stays aimed: the worker lives and may move the arm
                self._stop_line.disarm()
            lost = "the worker is gone" if link.gone else f"session {link.run.id} is not attached"
            self.notice(f"{lost}: {why} {signs().dot} {keys.new_session(self.kind)} starts again", Tone.DANGER)
            self.post(lambda: SnapshotArrived(link.snapshot))
        self.post(SessionChanged)
