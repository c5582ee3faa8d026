"""The error of a training's configuration."""

from __future__ import annotations


class ConfigProblem(Exception):
    """A configuration that cannot be used; the message names the key, the reason and what to do.

    `key` is the one of LeRobot's configuration that is wrong, empty where none is, and `why` the message without it.
    """

    def __init__(self, why: str, key: str = "") -> None:
        super().__init__(f"--set {key}: {why}" if key else why)
        self.key, self.why = key, why
