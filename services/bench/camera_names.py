"""The rules for names of cameras: each becomes a part of a feature's key and of a folder's name in a dataset."""

from __future__ import annotations

from sessions.alarm_source import AlarmSource

LONGEST = 64
MOTOR = ".pos"
"""How the robot's observations call a motor (LeRobot 0.6.1, robots/so_follower): `gripper.pos`."""
_FORBIDDEN = {"/": "a slash", "\\": "a backslash"}


def check_camera_name(name: str) -> None:
    """Raises ValueError with the reason if no dataset can have a camera of this name.

    LeRobot 0.6.1 refuses a slash in a feature's key, but only after the robot is connected
    (datasets/utils.py, utils/feature_utils.py); it writes `videos/observation.images.NAME/`.
    """
    if not name.strip():
        raise ValueError("a camera needs a name")
    if len(name) > LONGEST:
        raise ValueError(f"a camera's name has at most {LONGEST} characters, this one has {len(name)}")
    if not name.isprintable():
        raise ValueError("a camera's name has printable characters only")
    for character, word in _FORBIDDEN.items():
        if character in name:
            raise ValueError(f"a camera's name has no {character!r} ({word}): datasets have a folder of that name")
    if name.strip(" .") != name:
        raise ValueError("a camera's name neither begins nor ends with a dot or a space")


def check_observed_name(name: str) -> None:
    """Raises ValueError with the reason if a robot's observations cannot call a camera so.

    An alarm about a camera carries its name, and one about a part of the session that part's (`AlarmSource`): the
    alarms of a camera called `follower` would clear and replace those of the arm. A name ending in `.pos` would take
    the place of a motor's position.
    """
    if AlarmSource(name).known:
        raise ValueError(f"no camera can be called {name!r}: alarms about the {name} have that name; {_another(name)}")
    if name.endswith(MOTOR):
        free = name.removesuffix(MOTOR)
        raise ValueError(f"no camera's name can end with {MOTOR!r}, as motors' positions do; {_another(free)}")


def _another(name: str) -> str:
    return f"call it {name}_camera, for example"
