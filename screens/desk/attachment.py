"""The one session that this console is attached to: its client's callbacks become messages to the screens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from screens.desk.messages import SessionChanged, SnapshotArrived, StopAnswered, StopUnanswered, TelemetryArrived
from screens.desk.notifier import Notifier
from screens.views import keys
from screens.views.control import Driver, change
from screens.views.signs import clean
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

    def __init__(
        self, name: str, profile: Profile, stop_line: StopLine | None, known_benches: Mapping[str, Profile]
    ) -> None:
        """`profile`: the bench of this console; `known_benches`: all of lab.toml, by name."""
        super().__init__()
        self._known_benches = known_benches
        self.name, self._bench = name, profile
        self.link: Client | None = None
        self.starting = False
        self.started_here = False
        self.lost_reason = ""
        self.held_ms = 0.0
        self._could_move, self._still_since = False, 0.0
        self.unanswered = ""
        """What is being done about a stop that nothing answered; empty where none waits for its answer."""
        self._asked_for: SessionKind | None = None
        self._driver: Driver | None = None
        self._stop_line = stop_line
        self._previews: dict[str, tuple[int, int]] = {}
        """The preview sizes that the worker was last asked for."""

    # --- what is known --------------------------------------------------------------------------

    @property
    def profile(self) -> Profile:
        """The bench's profile: as the running session was started with it, else as lab.toml has it.

        A session may have settings of its own (`record --set`), which end with it.
        """
        started = self.snapshot.started if self.live else None
        return (started.profile if started else None) or self._bench

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

    # --- pictures -------------------------------------------------------------------------------

    def request_previews(self, sizes: dict[str, tuple[int, int]]) -> None:
        """Have the worker send each of these cameras at (width, height) pixels, and no other; asks only for a change.

        One place for all screens with pictures: the one that is left may speak after the one that came.
        """
        link = self.link
        if link is not None and link.connected and not self.starting and sizes != self._previews:
            self._previews = sizes
            self.order(link.send(protocol.SetPreviews(sizes=sizes)))

    # --- the stop key ---------------------------------------------------------------------------

    def stop_unanswered(self, doing: str) -> None:
        """Cover the screens with NO ANSWER until the stop is answered."""
        self.unanswered = doing
        self.post(StopUnanswered)

    def stop_answered(self) -> None:
        """Uncover them."""
        self.unanswered = ""
        self.post(StopAnswered)

    @property
    def just_stopped(self) -> bool:
        """Whether a key that is acted on now may be the one that has just stopped the arm: a stop overtakes keys.

        From the arm's own state: while it holds already, an Esc is answered as well, and closes what is open.
        """
        return time.monotonic() - self._still_since < JUST_S

    def _note_motion(self) -> None:
        """Remember when the arm came to a stand."""
        before, self._could_move = self._could_move, self.can_move
        if before and not self._could_move:
            self._still_since = time.monotonic()

    # --- attaching and detaching ----------------------------------------------------------------

    async def _attach(self, run: RunFolder, *, drive: bool, patience_s: float) -> None:
        self.starting = True
        try:
            await self.detach()
            self.link, self.lost_reason, self._driver = self._client(run, drive=drive), "", None
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
        snapshot, self._previews = self.snapshot, {}
        self._use_bench_of(snapshot)
        self.post(lambda: SnapshotArrived(snapshot))
        self.post(SessionChanged)

    def _use_bench_of(self, snapshot: Snapshot) -> None:
        """Stay at the bench of the session when it is over: as lab.toml has it, or as it was where that has none."""
        if snapshot.started is not None and (profile := snapshot.started.profile) is not None:
            self._bench = self._known_benches.get(profile.name, profile)

    async def detach(self) -> None:
        """Detach from the current session; its worker keeps running."""
        link, self.link = self.link, None
        if self._stop_line:
            self._stop_line.disarm()
        if link is not None:
            await link.close()
            self.post(SessionChanged)

    async def read_again(self) -> None:
        """Show what was added to the session that is over: marks and notes."""
        link = self.link
        if link is not None and not link.live:
            await link.read_again()
            self.post(lambda: SnapshotArrived(link.snapshot))

    # --- callbacks of the client ----------------------------------------------------------------

    def _on_event(self, event: ev.Event, snapshot: Snapshot) -> None:
        self._note_motion()
        self.bells.ring_for(event, self.kind)
        self.attention.note(event, self.kind)
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
        self._announce_driver(Driver(clean(welcome.driver or "", 40), welcome.driving))
        self.post(lambda: SnapshotArrived(link.snapshot))

    def _announce_driver(self, now: Driver) -> None:
        """Say on both sides who has taken control; nothing about who drove when this console attached."""
        before, self._driver = self._driver, now
        said = change(before, now) if before is not None else None
        if said is not None:
            self.notice(*said)
            if before is not None and before.here:
                self.bells.play("alarm")

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
            self.attention.lost(self.kind)
            self.bells.play("alarm")
            if link.gone and self._stop_line:  # else the stop line stays aimed: the worker lives and may move the arm
                self._stop_line.disarm()
            lost = "the worker is gone" if link.gone else f"session {link.run.id} is not attached"
            self.notice(f"{lost}: {why}", Tone.DANGER, keys.starts_again(self.kind))
            self.post(lambda: SnapshotArrived(link.snapshot))
        self.post(SessionChanged)
