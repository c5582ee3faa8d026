"""What an evaluation compares: several checkpoints, under start conditions that a person chose. Checked before it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from services.bench.conditions import ALL, GRID, MOST_PLACES, NONE, PLACE, odd
from services.bench.profiles import Profile
from services.checkpoints.checkpoint import Checkpoint, exists, home
from services.datasets.summary import summarize
from services.folders import DataFolder
from services.near import did_you_mean
from services.refusal import MOST_SEED, Refusal
from services.text import clean
from sessions.blinding import MOST
from sessions.conditions import LIKE, Condition, Order, Place
from sessions.requests import EvalRequest

SEPARATOR = ","
TRIALS = 10
"""Default number of trials to judge, of one pair."""
FEW = 12
"""As many conditions as a sentence lists."""


def names(text: str) -> tuple[str, ...]:
    """The checkpoints that a text names, separated by commas; a path with commas that exists is one."""
    if SEPARATOR not in text or exists(home(text.strip())):
        return (text,)
    return tuple(part.strip() for part in text.split(SEPARATOR) if part.strip()) or (text,)


def check_unlike(checkpoints: Sequence[Checkpoint], pace: Callable[[Checkpoint], int]) -> None:
    """Raises Refusal for one that is named twice, and for rates that differ: one loop has one rate."""
    first, *others = checkpoints
    for at, each in enumerate(others, 1):
        if each.path in [before.path for before in checkpoints[:at]]:
            raise Refusal(f"{each.label} is named twice: leave one out")
        if pace(each) != pace(first):
            raise Refusal(
                f"{first.label} runs at {pace(first)} Hz and {each.label} at {pace(each)} Hz: policies of one rate can "
                "be compared in one evaluation, these need one each"
            )


def drawn(checkpoints: Sequence[Checkpoint], order: str) -> tuple[Checkpoint, ...]:
    """The checkpoints of a blinded evaluation in an order that nobody knows: their codes follow it. Raises Refusal."""
    if not 1 < len(checkpoints) <= MOST:
        raise Refusal(f"a blinded evaluation compares 2 to {MOST} policies, not {len(checkpoints)}", "blinded")
    if order == Order.LISTED.value:
        raise Refusal("a blinded evaluation shuffles its trials: leave out the listed order", "order")
    return tuple(secrets.SystemRandom().sample(checkpoints, len(checkpoints)))


def pairs(profile: Profile, checkpoints: int, conditions: str) -> int:
    """How many pairs this many checkpoints make with the conditions that a text chooses; 0 where it cannot be read."""
    try:
        return checkpoints * max(1, len(_found(profile, conditions)))
    except Refusal:
        return 0


def usual_trials(pairs: int) -> int:
    """Default number of trials: TRIALS or more, so that each pair of checkpoint and condition is tried as often."""
    return -(-TRIALS // max(1, pairs)) * max(1, pairs)


def chosen(profile: Profile, folder: DataFolder, text: str) -> tuple[Condition, ...]:
    """The conditions that a text chooses, separated by commas. Raises Refusal.

    `all` are those listed in lab.toml, `grid` those of its grid; else names of either, `DATASET#EPISODE` for a scene
    like that episode's (at its place, where that is known), or a place such as `x180 y-60` or `x180 y-60 yaw30`;
    nothing, or `none`, for no conditions.
    """
    found, names = _found(profile, text), set[str]()
    for each in found:
        if each.name in names:
            raise Refusal(f"condition {clean(each.name)} is named twice: leave one out")
        names.add(each.name)
        _check_episode(folder.datasets, each)
    return tuple(_placed(folder, each) for each in found)


def _found(profile: Profile, text: str) -> list[Condition]:
    """Raises Refusal, also for more than a person tries: what comes next is reckoned at every verdict."""
    words = [part.strip() for part in text.split(SEPARATOR) if part.strip()]
    if text.strip() and not words:
        raise Refusal(f"{clean(text.strip()[:40])!r} names no start condition: write names, or {NONE}")
    found = [each for word in words[: MOST_PLACES + 1] for each in _chosen(profile, word)]
    if (many := max(len(words), len(found))) > MOST_PLACES:
        raise Refusal(f"{many} start conditions are too many: choose {MOST_PLACES} at most")
    return found


def _chosen(profile: Profile, word: str) -> Sequence[Condition]:
    grid = profile.conditions_grid.conditions if profile.conditions_grid else ()
    match word:
        case _ if word == NONE:
            return ()
        case _ if word == ALL and not profile.conditions:
            raise Refusal("lab.toml lists no conditions: write them as [[conditions]], each with a name")
        case _ if word == ALL:
            return profile.conditions
        case _ if word == GRID and not grid:
            raise Refusal("lab.toml has no grid: write [conditions_grid] with x, y and counts")
        case _ if word == GRID:
            return grid
    known = {each.name: each for each in (*profile.conditions, *grid)}
    return (known.get(word) or _written(word, known),)


def _written(word: str, known: dict[str, Condition]) -> Condition:
    """The condition that a person wrote in the place of a name. Raises Refusal."""
    if place := PLACE.fullmatch(word):
        x, y, yaw = (float(value) if value else None for value in place.group("x", "y", "yaw"))
        assert x is not None and y is not None
        if why := odd(Place(x, y, yaw or 0.0)):
            raise Refusal(why)
        return Condition(name=word, x=x, y=y, yaw=yaw)
    like = Condition(name=word, like=word)
    if like.likeness is not None:
        return like
    near = did_you_mean(word, known)
    there = f"; there are: {', '.join(known)}" if known and not near and len(known) <= FEW else ""
    raise Refusal(
        f"there is no condition {clean(word[:40])!r}{near}{there}; write a name of lab.toml, {ALL}, {GRID}, "
        f"DATASET{LIKE}EPISODE or a place such as x180 y-60"
    )


def _placed(folder: DataFolder, condition: Condition) -> Condition:
    """With the place of the episode that it shall be like, where that is known."""
    if condition.likeness is None or condition.place is not None:
        return condition
    from services.evaluation.likeness import place_in  # reads parquet

    place = place_in(folder, *condition.likeness)
    return condition if place is None else msgspec.structs.replace(condition, x=place.x, y=place.y, yaw=place.yaw)


def _check_episode(datasets: Path, condition: Condition) -> None:
    if condition.likeness is None:
        return
    dataset, episode = condition.likeness
    root = Path(os.path.normpath(datasets / dataset))  # by its name alone: the folder may be a link to another disk
    if not root.is_relative_to(os.path.normpath(datasets)) or not os.path.isdir(root):  # never raises
        raise Refusal(
            f"condition {clean(condition.name[:60])}: there is no dataset {clean(dataset[:60])!r} to look like"
        )
    if episode >= (has := summarize(root).episodes):
        last = f"its last one is {has - 1}" if has else "it has none"
        raise Refusal(
            f"condition {clean(condition.name[:60])}: dataset {clean(dataset[:60])} has no episode {episode}: {last}"
        )


def unused_order(request: EvalRequest, order: str, seed: int | None) -> str:
    """That an order, or a seed of one, was asked for in vain; else empty."""
    if request.pairs > 1 or (not order.strip() and seed is None):
        return ""
    return "one policy under one condition has no order: --order and --order-seed change nothing"


def in_order(request: EvalRequest, order: str, seed: int | None) -> EvalRequest:
    """The request with the order of its trials; a seed is made where none is given. Raises Refusal.

    Without a word pairs of checkpoint and condition are shuffled.
    """
    pairs = request.pairs
    try:
        wanted = Order(order) if order else Order.RANDOM
    except ValueError:
        known = " or ".join(each.value for each in Order)
        raise Refusal(f"the order of trials is {known}, not {clean(order[:40])!r}", "order") from None
    if seed is not None and not 0 <= seed <= MOST_SEED:
        raise Refusal(f"the seed of the order lies between 0 and {MOST_SEED}, not {seed}", "order_seed")
    if pairs == 1:
        return request
    if request.trials < pairs:
        raise Refusal(
            f"{pairs} pairs of checkpoint and condition need at least {pairs} trials, not {request.trials}", "trials"
        )
    if seed is None:
        seed = secrets.randbelow(MOST_SEED + 1) if wanted is Order.RANDOM else 0
    return msgspec.structs.replace(request, order=wanted, order_seed=seed)
