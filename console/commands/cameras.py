"""The cameras of `lab-console eval`: what its flags ask for, and the table that is printed before it starts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypedDict

from console.camera_flags import camera_words
from services.checkpoints.checkpoint import CheckpointProblem, read, resolve
from services.checkpoints.wiring import write_map
from services.evaluation.cameras import remembered, table
from services.folders import DataFolder
from services.live.requests import EvalRequest
from services.log.past import read_past
from services.text import clean
from sessions.bench import Profile


class Asked(TypedDict):
    """Arguments of services.evaluation.plan."""

    camera_map: str
    left_out_cameras: str


def asked_cameras(folder: DataFolder, profile: Profile, options: argparse.Namespace) -> Asked:
    """What the flags ask for; without `--map` the last map of this training on this bench, which is said."""
    left_out, camera_map = camera_words(options)
    if camera_map is None:
        camera_map = _last(folder, profile, options.checkpoint, left_out)
    return Asked(camera_map=camera_map, left_out_cameras=left_out)


def _last(folder: DataFolder, profile: Profile, wanted: str, left_out: str) -> str:
    try:
        found = resolve(folder, wanted.partition(",")[0], profile.plugins)
    except CheckpointProblem:  # the plan refuses it
        return ""
    given = remembered(read_past(folder).sessions, found, profile, left_out)
    if given:
        print(f"cameras are mapped as the last time: {clean(write_map(given))} (`--map none` maps none)", flush=True)
    return write_map(given)


def print_table(request: EvalRequest, profile: Profile) -> None:
    """Which input of each policy gets which camera, and what becomes of its pictures."""
    in_public = sorted(request.checkpoints) if request.blinded else request.checkpoints  # their order is their codes'
    found = [read(Path(each), request.profile.plugins) for each in in_public]
    for line in table(request, found, profile):
        print(clean(line), flush=True)
