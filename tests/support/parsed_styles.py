"""The styles of Textual and of the console: parsed once in this process, instead of once for each app that it opens."""

from __future__ import annotations

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

_parse_rules = Stylesheet._parse_rules
_parsed: dict[object, list[RuleSet]] = {}


def _parsed_once(
    self: Stylesheet, css: str, read_from: CSSLocation, is_default_rules: bool = False, tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:  # fmt: skip
    """The same rules for the same text, place and variables; a text with an error is parsed anew, and raises anew."""
    key = (css, read_from, is_default_rules, tie_breaker, scope, tuple(self._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse_rules(self, css, read_from, is_default_rules, tie_breaker, scope)
    return _parsed[key]


def share_parsed_styles() -> None:
    """Have all apps of this process use the same rules."""
    Stylesheet._parse_rules = _parsed_once  # type: ignore[method-assign]
