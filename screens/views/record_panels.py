"""The content around the phase panel of a session: cameras, joints, tally. Pure: values to Content."""

from __future__ import annotations

from textual.content import Content

from screens.views.signs import clean, signs
from services.health.checks import LIT
from services.live.phases import Phase
from services.live.protocol import CameraView, Telemetry
from services.live.snapshots import Snapshot
from services.tone import Tone
from services.units import size
from sessions.models import Episode

NIGHT_BRIGHTNESS = 48.0
"""Below this mean brightness (0..255) a picture counts as night."""


def camera_title(name: str, view: CameraView) -> tuple[Content, Tone]:
    """`overhead  30 fps  ☾ 31`, plus the state unless it is lit."""
    s = signs()
    light = f"{s.night if view.brightness < NIGHT_BRIGHTNESS else s.day} {view.brightness:3.0f}"
    good = view.state == LIT
    state = "" if good else f"  {s.warning} {clean(view.state).upper()}"
    tone = Tone.PLAIN if good else Tone.DANGER
    return Content.assemble((clean(name), "bold"), (f"  {view.fps:2.0f} fps  {light}", "$quiet"), (state, "bold")), tone


def legend(guide: str = "leader") -> str:
    """The meaning of the signs on the joint bars; `guide` is what the follower follows."""
    return f"joints  {signs().live} follower  {signs().hollow} {guide}"


def joints_footer(telemetry: Telemetry) -> tuple[str, str]:
    """The control loop's health in two lines."""
    dot = f" {signs().dot} "
    loop = f"loop {telemetry.loop_hz:4.1f} Hz{dot}p99 {telemetry.loop_p99_ms:.0f} ms{dot}late {telemetry.late}"
    queue = ""
    if telemetry.encoder_capacity:
        queue = (
            f"encoder {telemetry.encoder_queue} of {telemetry.encoder_capacity}{dot}dropped {telemetry.dropped_frames}"
        )
    return loop, queue


def tally(snapshot: Snapshot, telemetry: Telemetry | None) -> list[Content]:
    """Eight lines on the session: marks, dataset, saving, disk, flags."""
    s = signs()
    return [
        Content.assemble((f"{s.yes} {snapshot.accepted:>3} ", "bold $success"), ("accepted", "$quiet")),
        Content.assemble((f"{s.no} {rejected(snapshot):>3} ", "bold $error"), ("rejected", "$quiet")),
        Content.assemble((f"{s.warning} {snapshot.flagged:>3} ", "bold $warning"), ("flagged", "$quiet")),
        Content(""),
        Content.styled(dataset_text(snapshot), "$quiet"),
        Content.styled(_saving(snapshot, telemetry), "$accent"),
        Content.styled(_disk(snapshot, telemetry), "$quiet"),
        Content.styled(flag_text(snapshot), "$warning"),
    ]


def rejected(snapshot: Snapshot) -> int:
    """Rejected takes: those that were saved, and one that runs or is being saved."""
    saved = any(episode.take == snapshot.take for episode in snapshot.episodes)
    waits = not saved and (snapshot.phase is Phase.RECORDING or snapshot.unsaved_take == snapshot.take > 0)
    return snapshot.rejected + (waits and not snapshot.take_accepted)


def dataset_text(snapshot: Snapshot) -> str:
    """How many episodes the dataset now has, and how many of them are accepted; empty while that is unknown."""
    total = snapshot.dataset_episodes + len(snapshot.episodes)
    accepted = snapshot.dataset_accepted + snapshot.accepted
    return f"dataset: {accepted} accepted of {total}" if total else ""


def _saving(snapshot: Snapshot, telemetry: Telemetry | None) -> str:
    take = (telemetry.saving_take if telemetry else 0) or snapshot.unsaved_take
    return f"saving take {take}{signs().more}" if take else ""


def _disk(snapshot: Snapshot, telemetry: Telemetry | None) -> str:
    return f"disk {size(telemetry.disk_free)} free" if telemetry and telemetry.disk_free else ""


def flag_text(snapshot: Snapshot) -> str:
    """What was wrong with the latest flagged or lost take; empty if there is none."""
    if snapshot.lost:
        lost = snapshot.lost[-1]
        return f"take {lost.take} was lost: {clean(lost.reason)}"
    flagged: list[Episode] = [e for e in snapshot.episodes if e.flags]
    return f"take {flagged[-1].take}: {clean(', '.join(flagged[-1].flags))}" if flagged else ""
