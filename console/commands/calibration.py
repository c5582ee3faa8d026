"""A calibration that does not fit, on the command line: the answer that a verb carries, and how to give it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import msgspec

from services.bench import calibration
from services.bench.profiles import Profile, ProfileProblem
from services.live.requests import ArmRequest
from services.live.snapshots import Snapshot
from sessions.calibration import CalibrationAct


def answers(options: argparse.Namespace, profile: Profile) -> dict[str, CalibrationAct]:
    """What `--calibration` wants, by arm. Raises ProfileProblem for an arm that the bench has not."""
    acts = {arm: CalibrationAct(act) for arm, act in options.calibration}
    for arm in acts:
        if not any(arm == known or arm.startswith(f"{known} ") for known in profile.arms):
            raise ProfileProblem(f"--calibration: bench {profile.name} has no {arm}; it has {', '.join(profile.arms)}")
    return acts


def answered[R: ArmRequest](request: R, options: argparse.Namespace) -> R:
    """The request with these answers. Raises as `answers`."""
    return msgspec.structs.replace(request, calibration=answers(options, request.profile))


def hints(state: Snapshot) -> Iterator[str]:
    """For each calibration that kept the session from starting: the option that mends it, or why none does."""
    for found in state.refused_calibrations:
        if not found.act:
            yield from (f"{found.arm}: {reason}" for reason in (found.hindrance,) if reason)
            continue
        option = f"--calibration {shlex.quote(f'{found.arm}={found.act.value}')}"
        offer = calibration.OFFERS.get(found.act, found.act.value)
        first = f"{found.arm}: {found.hindrance}; then " if found.hindrance else ""
        yield f"{first}the same command with `{option}` would {offer}, and begin"
