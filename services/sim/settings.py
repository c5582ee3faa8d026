"""The simulated bench's settings, decoded from lab.toml's `[bench.NAME.sim]` table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from services.near import did_you_mean

type Strategy = Literal["roll", "nudge"]
type FaultKind = Literal["black", "frozen", "slow", "stuck", "raise"]

_DEVICES: dict[str, frozenset[str]] = {
    "black": frozenset({"overhead", "wrist"}),
    "frozen": frozenset({"overhead", "wrist"}),
    "slow": frozenset({"overhead", "wrist"}),
    "stuck": frozenset({"follower"}),
    "raise": frozenset({"overhead", "wrist", "follower", "leader"}),
}


class SettingsProblem(ValueError):
    """A setting that cannot be used; `str()` names the key and the reason."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device's fault, from frame `frame` of take `episode` on (takes count from 1, frames from 0).

    `frames` limits it to that many frames of that take; without it the fault stays for all later takes
    too. `fps` is the rate that a slow camera still delivers. `message` is a raising device's error.
    """

    kind: FaultKind
    device: Literal["overhead", "wrist", "follower", "leader"]
    episode: Annotated[int, msgspec.Meta(ge=1)] = 1
    frame: Annotated[int, msgspec.Meta(ge=0)] = 0
    frames: Annotated[int, msgspec.Meta(ge=1)] | None = None
    fps: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    message: str = "a fault configured in lab.toml"

    def __post_init__(self) -> None:
        if self.device not in _DEVICES[self.kind]:
            choice = ", ".join(sorted(_DEVICES[self.kind]))
            raise ValueError(f"a fault of kind {self.kind!r} needs device {choice}, not {self.device!r}")

    def active(self, take: int, frame: int) -> bool:
        """Whether it is active; `take` is the last take that began (0: none yet)."""
        if take == self.episode:
            return frame >= self.frame and (self.frames is None or frame < self.frame + self.frames)
        return take > self.episode and self.frames is None


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The wire to the emulated servos of a bench with serial ports.

    `latency_ms` is what each answer takes and `jitter_ms` how much more at most; `lost` and `corrupt` are the shares of
    answers that do not come or have a wrong byte.
    """

    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0
    jitter_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0
    lost: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    corrupt: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


class SimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scripted person at the leader, the cube's seed, the faults, and the servos' bus."""

    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    strategy: Strategy = "roll"
    jerkiness: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    failure_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    tempo: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    faults: tuple[Fault, ...] = ()
    bus: BusSettings = BusSettings()

    def fault(self, device: str, kinds: tuple[str, ...], take: int, frame: int) -> Fault | None:
        """The first active fault of `device` of one of those kinds."""
        for fault in self.faults:
            if fault.device == device and fault.kind in kinds and fault.active(take, frame):
                return fault
        return None


def decode(table: Mapping[str, Any]) -> SimSettings:
    """The settings in a plain table; raises SettingsProblem, which names the key and the reason."""
    try:
        return msgspec.convert(dict(table), SimSettings)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        where = path.rstrip("`").lstrip(".") or "the table"
        near = did_you_mean(reason.partition("field `")[2].rstrip("`"), SimSettings.__struct_fields__)
        raise SettingsProblem(f"sim: {where}: {reason[:1].lower()}{reason[1:]}{near}") from error
