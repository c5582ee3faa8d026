"""A comparison of two policies that may end early: what a person asks for, and the rule that is fixed before it."""

from __future__ import annotations

import re

import msgspec

from services.log.trials.standings import rule_words
from services.refusal import Refusal
from services.text import clean
from sessions.requests import EvalRequest
from sessions.statistics.rule import Sequential

OFF = "off"
ALPHA, POWER = 0.05, 0.8
USUAL = "0.6 0.8"
NUMBER = re.compile(r"[0-9]*\.?[0-9]+")
HOW = f"write two success rates such as {USUAL}, then perhaps level {ALPHA}, power {POWER} or most 120"


def asked(text: str) -> Sequential | None:
    """The rule that a text asks for, still to be made; None for nothing, or `off`. Raises Refusal.

    `0.6 0.8` are the rates to be told apart; then perhaps `level 0.05`, `power 0.8`, `most 120` (pairs).
    """
    words = text.replace(",", " ").split()
    if not words or words == [OFF]:
        return None
    named = {"level": ALPHA, "power": POWER, "most": 0.0}
    rates, options = words[:2], words[2:]
    for name, value in zip(options[::2], options[1::2], strict=False):
        if name not in named or not NUMBER.fullmatch(value):
            raise _odd(text)
        named[name] = float(value)
    if len(rates) < 2 or len(options) % 2 or not all(NUMBER.fullmatch(rate) for rate in rates):
        raise _odd(text)
    low, high = map(float, rates)
    if not (0 < low < 1 and 0 < high < 1) or low == high:
        raise Refusal(f"an early end is for two unlike rates between 0 and 1, not {low:g} and {high:g}: {HOW}")
    for name, share in (("level", named["level"]), ("power", named["power"])):
        if not 0 < share < 1:
            raise Refusal(f"the {name} of an early end lies between 0 and 1, not {share:g}: {HOW}")
    if named["most"] != int(named["most"]):
        raise Refusal(f"the most pairs of an early end are a whole number, not {named['most']:g}: {HOW}")
    return Sequential(alpha=named["level"], power=named["power"], least=(low, high), most=int(named["most"]))


def _odd(text: str) -> Refusal:
    return Refusal(f"{clean(text[:60])!r} does not say when a comparison may end early: {HOW}")


def check(request: EvalRequest) -> None:
    """Raises Refusal unless two policies are compared."""
    if request.sequential is not None and (many := len(request.checkpoints)) != 2:
        what = "one policy" if many == 1 else f"{many} policies"
        raise Refusal(f"a comparison that may end early is of two checkpoints, and this is of {what}")


def made(rule: Sequential) -> Sequential:
    """The rule, made: 0.3 to 6 s at first, so not on an event loop. Raises Refusal where there is none."""
    from sessions.statistics.sequential import plan

    try:
        return plan(*rule.least, rule.alpha, rule.power, rule.most)
    except ValueError as error:
        raise Refusal(f"no comparison can end early so: {error}") from error


def fixed(request: EvalRequest) -> EvalRequest:
    """The request with its rule made, and as many trials as the most pairs need. Raises Refusal."""
    if request.sequential is None or request.sequential.better:
        return request
    rule = made(request.sequential)
    blocks = -(-rule.most // max(1, len(request.conditions)))
    return msgspec.structs.replace(request, sequential=rule, trials=blocks * request.pairs)


def found(text: str) -> tuple[str, str]:
    """The rule that a text asks for in words, and why there is none; both empty for none asked for.

    Not on an event loop.
    """
    try:
        rule = asked(text)
        return (rule_words(made(rule)), "") if rule is not None else ("", "")
    except Refusal as refusal:
        return "", str(refusal)
