"""Keys of LeRobot's training configuration that the console sets itself, or a field of the form does. Pure."""

from __future__ import annotations

from typing import NamedTuple

from services.refusal import Option, Refusal, flag, in_shell


class Owner(NamedTuple):
    """What sets a key instead: `options`, of which the form has a `field` (its label), or nobody, and then `why`."""

    options: tuple[Option, ...] = ()
    field: str = ""
    why: str = ""

    @property
    def flags(self) -> str:
        """What sets it in the shell; empty for nothing."""
        return ", or ".join(map(flag, self.options))

    @property
    def sentence(self) -> tuple[str | Option, ...]:
        """What to do instead of setting the key."""
        named = [part for option in self.options for part in (", or ", option)][1:]
        return ("use ", *named, f"; {self.why}" if self.why else "") if named else (self.why,)

    @property
    def instead(self) -> str:
        """The same for the shell."""
        return in_shell(self.sentence)

    @property
    def in_form(self) -> str:
        """The same on the form."""
        return f"the form's field `{self.field}` sets it" if self.field else f"the console sets it: {self.instead}"


_RESUMED = Owner((Option("resume", "SESSION"),), why="a training that has ended goes on in its own session")
_PUSHED = Owner((Option("push", "OWNER/NAME"),), why="after the last step, private")
_LOCAL = Owner(why="this console trains policies on this machine only")
_HUB = Owner(why="no checkpoint is uploaded while it trains")
_CURVES = Owner(why="the console keeps the curves itself")
FIELDS = {
    "steps": ("steps", "steps"),
    "batch_size": ("batch_size", "batch size"),
    "log_freq": ("log_freq", "log every, steps"),
    "save_freq": ("save_freq", "save every, steps"),
    "dataset.eval_split": ("held_out", "held out, share"),
    "eval_steps": ("held_out_every", "measured every, steps"),
}
"""Keys that a field of the form sets: (its name in TrainRequest and as an option, the field's label)."""
OWNED = {
    "dataset.repo_id": Owner((Option("dataset"),), "dataset"),
    "dataset.root": Owner((Option("dataset"),), "dataset"),
    "dataset.episodes": Owner(
        (Option("exclude_episodes"),),
        "episodes to leave out",
        "the accepted episodes are used; reject some, or leave some out",
    ),
    "output_dir": Owner((Option("name"),), "name of the run"),
    "job_name": Owner((Option("name"),), "name of the run"),
    "policy": Owner((Option("policy"),), "policy"),
    "policy.type": Owner((Option("policy"),), "policy"),
    "policy.path": Owner((Option("policy"),), "policy"),
    "policy.pretrained_path": Owner((Option("policy"),), "policy"),
    "policy.input_features": Owner((Option("exclude_cameras"), Option("resize")), "cameras to leave out"),
    "policy.output_features": Owner(why="they follow from the dataset"),
    "policy.resize_shape": Owner((Option("resize"),), "resize pictures to"),
    "policy.image_resize_shape": Owner((Option("resize"),), "resize pictures to"),
    "policy.push_to_hub": _PUSHED,
    "policy.repo_id": _PUSHED,
    "policy.private": _PUSHED,
    "save_checkpoint_to_hub": _HUB,
    "save_checkpoint": Owner(why="every training keeps its checkpoints"),
    "resume": _RESUMED,
    "config_path": Owner((Option("config", "FILE"), Option("settings", "KEY=VALUE"))),
    "checkpoint_path": _RESUMED,
    "wandb": _CURVES,
    "job": _LOCAL,
    "reward_model": _LOCAL,
}
"""Keys that the console sets itself."""
_GROUPS = ("policy",)
"""Keys of OWNED whose own keys are the operator's."""


def owner_of(key: str) -> Owner | None:
    """Who sets a dotted key of LeRobot's configuration besides `--set`; None if nobody does."""
    if key in FIELDS:
        name, label = FIELDS[key]
        return Owner((Option(name),), label)
    known = next((own for own in OWNED if key == own or (own not in _GROUPS and key.startswith(f"{own}."))), None)
    return OWNED[known] if known else None


def check_owner(key: str) -> None:
    """Raises Refusal for a key that `--set` must not set."""
    if owner := owner_of(key):
        raise Refusal((Option("settings", key), ": the console sets that itself (", *owner.sentence, ")"))
