"""A first look at a target before a training begins there."""

from __future__ import annotations

from services.targets import hf_jobs
from services.targets.connection import Connection
from services.targets.ssh import Unreachable
from services.targets.versions import differences
from services.text import clean
from sessions.target import Target, TargetKind


def look(target: Target) -> tuple[str, ...]:
    """Call it once; returns sentences on what to know before, such as other versions there.

    Raises Unreachable if a training cannot begin there now.
    """
    if target.kind is TargetKind.HF:
        return hf_jobs.NOTES
    try:
        with Connection(target) as connection:
            hello = connection.hello
    except Unreachable as reason:
        if reason.lasting:
            raise
        tried = f"{reason}; nothing was begun: see whether `ssh {clean(target.host)}` gets there"
        raise Unreachable(tried, lasting=False) from reason
    place = clean(target.place)
    if not hello.rsync:
        raise Unreachable(f"{place} has no rsync: install it there", lasting=True)
    if target.kind is TargetKind.SLURM and not hello.slurm:
        raise Unreachable(f"{place} has no sbatch: `host` must be a machine that submits jobs", lasting=True)
    return differences(target, hello)
