"""Another place that trains for this bench, as lab.toml describes it; a session that trains there carries it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class TargetKind(StrEnum):
    """How a training is started there."""

    SSH = "ssh"
    SLURM = "slurm"
    HF = "hf"
    """HF Jobs, which LeRobot itself submits to."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A `[target.NAME]` of lab.toml.

    `host` is what ssh calls the machine, and empty for a cluster that is reached from here; `ssh` are further options
    of ssh. `folder` is the data folder there, and `command`, as a shell there reads it, what calls lab-console.
    `partition`, `gres`, `time` and the lines `extra` are for sbatch; `flavor` is the machine of HF Jobs, which takes
    `time`, too.
    """

    name: str = ""
    kind: TargetKind = TargetKind.SSH
    host: str = ""
    folder: str = "~/lab-console"
    command: str = "lab-console"
    ssh: tuple[str, ...] = ()
    partition: str = ""
    gres: str = ""
    time: str = ""
    extra: tuple[str, ...] = ()
    flavor: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people: the target's name."""
        if self.kind is TargetKind.HF:
            return f"HF Jobs {self.flavor}"
        return self.name or self.host

    @property
    def followed(self) -> bool:
        """Whether a lab-console there runs the session, which is followed from here."""
        return self.kind is not TargetKind.HF
