"""`lab-console train --check`: what a training will need against what is there; it begins nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from console.exit import FAILED, OK, complain
from screens.views.needs import Words, needs_facts
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
from services.live.requests import TrainRequest
from services.refusal import Refusal
from services.text import clean
from services.training.needs import AnyFinding, in_the_way
from services.training.preparation import ConfigRefused, Found, Preparation, Progressed, Refused, Stage


def check(request: TrainRequest) -> int:
    """Print each finding with its remedy; fails if the training surely cannot work. Raises Refusal."""
    use_signs(UNICODE if speaks_utf8() else ASCII)
    try:
        found = asyncio.run(_findings(request))
    except ConfigRefused as refused:
        raise Refusal(refused.for_the_shell) from refused
    for fact in needs_facts(found, Words.SHELL):
        print(clean(f"{fact.label:<9}{fact.text}" if fact.label else fact.text))
    return FAILED if in_the_way(found) else OK


async def _findings(request: TrainRequest) -> list[AnyFinding]:
    """What the process finds. Raises ConfigRefused, PreparationProblem."""
    preparation, found = Preparation(), list[AnyFinding]()
    try:
        async with aclosing(preparation.ask(request, stages=(Stage.NEEDS,))) as replies:
            async for reply in replies:
                match reply:
                    case Progressed(text=what):
                        complain(what)
                    case Found(finding=finding):
                        found.append(finding)
                    case Refused():
                        raise ConfigRefused(reply)
    finally:
        await preparation.close()
    return found
