"""`[target.NAME]` of lab.toml, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.bench.profiles import Benches
from services.refusal import Refusal
from services.targets import hf_jobs
from services.text import clean
from sessions.requests import TrainRequest
from sessions.target import Target, TargetKind


def pick(benches: Benches, name: str) -> Target:
    """The target called `name`. Raises Refusal naming those that there are."""
    targets: Mapping[str, Target] = benches.targets
    if name in targets:
        return targets[name]
    if not targets:
        where = benches.source or "lab.toml"
        raise Refusal(f"no target {clean(name)!r}: {where} has no [target.NAME]; `lab-console init` writes an example")
    raise Refusal(f"no target {clean(name)!r} in {benches.source}; there are: {', '.join(sorted(targets))}")


def placed(request: TrainRequest, target: Target | None) -> TrainRequest:
    """The request of a training there (None: here). Raises Refusal for what cannot be done there."""
    if target is not None and target.kind is TargetKind.HF:
        hf_jobs.check(target, request)
    return msgspec.structs.replace(request, on=target)
