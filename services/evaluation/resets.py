"""The resets between trials as the form, the shell and a plan name them, and what refuses one."""

from __future__ import annotations

from services.checkpoints.checkpoint import Checkpoint
from services.live.requests import EvalRequest
from services.refusal import Refusal
from services.text import clean
from sessions.resets import Reset

CHOICES = {
    "return": (Reset.RETURN, False),
    "home": (Reset.HOME, False),
    "home directly": (Reset.HOME, True),
    "leader": (Reset.LEADER, False),
}
"""What a person picks: the reset, and whether it leaves the rest pose out."""
NOTES = {
    "return": "the gripper opens, the arm lifts and goes to rest",
    "home": "by the rest pose to where the demonstrations began",
    "home directly": "straight to where the demonstrations began",
    "leader": "it holds; a key has it follow the leader, you drive it",
}
"""Each choice in words."""
KNOWN = tuple(Reset)


def chosen(text: str) -> tuple[Reset, bool]:
    """The reset of a choice; the default for none. Raises Refusal."""
    if not text:
        return Reset.RETURN, False
    if text not in CHOICES:
        raise Refusal(f"reset: {', '.join(CHOICES)}, not {clean(text)!r}")
    return CHOICES[text]


def check(request: EvalRequest) -> None:
    """Raises Refusal where the bench cannot do this reset."""
    profile, reset = request.profile, request.reset
    if reset not in KNOWN:
        raise Refusal(f"--reset knows {', '.join(KNOWN)}, not {clean(reset)!r}")
    if request.direct_reset and reset is not Reset.HOME:
        raise Refusal("--direct-reset belongs to --reset home: it leaves out the way over the rest pose")
    if reset is Reset.HOME and not request.direct_reset and not profile.motion.rest:
        raise Refusal(
            f"reset home goes by the rest pose, and bench {profile.name} has none: `lab-console rest --teach` says how "
            "to teach it; directly (--direct-reset) it goes without"
        )
    if reset is Reset.LEADER and not profile.teleop:
        raise Refusal(f"reset leader: bench {profile.name} has no leader (teleop in lab.toml); take return or home")
    if reset is Reset.LEADER and request.judge:
        raise Refusal(f"reset leader needs a person at the leader, and the {request.judge} judges: take return or home")


def check_start(request: EvalRequest, checkpoint: Checkpoint) -> None:
    """Raises Refusal where the arm should go home and nothing tells where that is."""
    known = checkpoint.scripted or checkpoint.provenance.start_pose
    if request.reset is Reset.HOME and not known:
        raise Refusal(
            f"reset home: where the demonstrations of {checkpoint.label} began is not known: it was not "
            "trained by this console; take return or leader"
        )
