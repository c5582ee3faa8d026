"""What can be done to an emulated bench while it runs: faults, loads, the leader's hand. One struct per act.

Positions are ticks of the encoder, times seconds, `arm` the name of the arm, `servo` the servo's place on it from 1,
which is its id unless a host changed that.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Act(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """Something done to one arm."""

    arm: str


class Delay(Act, frozen=True, kw_only=True, tag=True):
    """The next `count` answers come `seconds` late."""

    seconds: float
    count: int = 1


class Loss(Act, frozen=True, kw_only=True, tag=True):
    """Each status packet is lost, or has a wrong byte, with these probabilities from now on."""

    drop: float = 0.0
    corrupt: float = 0.0


class Mute(Act, frozen=True, kw_only=True, tag=True):
    """These servos neither hear nor speak from now on; none ends it."""

    servos: tuple[int, ...] = ()


class Silence(Act, frozen=True, kw_only=True, tag=True):
    """The whole chain neither hears nor speaks for so long. With `power` it loses power, and comes back limp."""

    seconds: float = 1e9
    power: bool = False


class ErrorBits(Act, frozen=True, kw_only=True, tag=True):
    """The servo's status packets carry these bits from now on (32 overload, 4 overheat); 0 ends it."""

    servo: int
    bits: int = 32


class SwitchOff(Act, frozen=True, kw_only=True, tag=True):
    """The servo cuts its own torque, as one does to protect itself; its packets carry `bits` from then on."""

    servo: int
    bits: int = 32


class Unplug(Act, frozen=True, kw_only=True, tag=True):
    """Pull the arm's cable; the servos keep their power."""


class Plug(Act, frozen=True, kw_only=True, tag=True):
    """Plug it in again; the link's target is another one."""


class SetRegister(Act, frozen=True, kw_only=True, tag=True):
    """Put a value into the servo's memory, for good."""

    servo: int
    address: int
    value: int
    size: int = 2


class Load(Act, frozen=True, kw_only=True, tag=True):
    """The joint hangs `sag` ticks off its goal at P 16, and sinks that way when limp."""

    servo: int
    sag: float


class Block(Act, frozen=True, kw_only=True, tag=True):
    """The joint reaches no position outside these, whatever its goal: it holds an object, or meets a stop."""

    servo: int
    low: float = 0.0
    high: float = 4095.0


class Hand(Act, frozen=True, kw_only=True, tag=True):
    """A hand puts the joints there, as long as they have no torque; none: what moved the arm before goes on."""

    ticks: dict[int, float]


class Look(Act, frozen=True, kw_only=True, tag=True):
    """Change nothing; the reply says how the arm stands."""


AnyAct = (
    Delay | Loss | Mute | Silence | ErrorBits | SwitchOff | Unplug | Plug | SetRegister | Load | Block | Hand | Look
)


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """How an arm stands, by servo id: measured and goal in ticks, torque; and the path of its port."""

    position: dict[int, int]
    goal: dict[int, int]
    torque: dict[int, bool]
    port: str


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """An act that could not be done."""

    error: str


_acts: msgspec.json.Decoder[AnyAct] = msgspec.json.Decoder(AnyAct)


def decode_act(line: bytes) -> AnyAct:
    """Raises msgspec.DecodeError on anything else."""
    return _acts.decode(line)


def decode_stand(line: bytes) -> Stand:
    """Raises ValueError with the emulator's words where the act could not be done."""
    reply: dict[str, Any] = msgspec.json.decode(line)
    if "error" in reply:
        raise ValueError(reply["error"])
    return msgspec.convert(reply, Stand, strict=False)
