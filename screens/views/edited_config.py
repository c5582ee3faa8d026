"""LeRobot's configuration that is edited as text: what LeRobot says of it, and how it differs from the preset. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from textual.content import Content

from screens.views.cut import cut
from screens.views.measured import Part
from screens.views.signs import clean, signs
from services.tone import Tone
from services.units import plural

if TYPE_CHECKING:
    from services.live.requests import TrainRequest
    from services.training.config_text import Difference
    from services.training.preparation import Configured

GO_THERE, START_OVER = "ctrl+g", "ctrl+r"
"""The keys of the editor, for display."""


class Step(Enum):
    """How far LeRobot has looked at the text."""

    LOADING = auto()
    """There is no text yet."""
    CHECKING = auto()
    TAKEN = auto()
    REFUSED = auto()
    """By LeRobot, or since the console sets a key itself."""
    FAILED = auto()
    """It could not be asked."""


@dataclass(frozen=True)
class EditedConfig:
    """The text as it stands, for a `request` of the form, and what is known of it.

    `opened` is the text as the form has it, `preset` what the form gives without the operator's keys. `answer` is
    LeRobot's if it takes the text; else `why`, with the `key` and the `line` (from 1) to blame, empty and 0 if none is.
    `left_behind`: why the form's other LeRobot keys are not in the text, if they are not.
    """

    request: TrainRequest
    step: Step = Step.LOADING
    text: str = ""
    opened: str = ""
    preset: str = ""
    answer: Configured | None = None
    why: str = ""
    key: str = ""
    line: int = 0
    left_behind: str = ""
    doing: str = ""

    @property
    def edited(self) -> bool:
        """Whether the operator changed the text."""
        return self.step is not Step.LOADING and self.text != self.opened

    @property
    def problem(self) -> str:
        """What is wrong, with line and key in front; empty if nothing is known to be."""
        if self.step not in (Step.REFUSED, Step.FAILED):
            return ""
        where = ", ".join(each for each in (f"line {self.line}" if self.line else "", clean(self.key)) if each)
        return f"{where}: {clean(self.why, 600)}" if where else clean(self.why, 600)

    def typed(self, text: str) -> EditedConfig:
        """With another text, of which nothing is known yet."""
        return replace(self, text=text, step=Step.CHECKING, answer=None, why="", key="", line=0)


def verdict(config: EditedConfig) -> tuple[Part, ...]:
    """What LeRobot says of the text; the first part is the state."""
    behind = (Part(f"not in this text: {clean(config.left_behind)}", 1, Tone.WARNING, cut=True),)
    more = behind if config.left_behind else ()
    match config.step:
        case Step.LOADING:
            return (Part(f"{config.doing or 'loading LeRobot'}: this takes about ten seconds, once", 0, Tone.ACCENT,
                         short="loading LeRobot"),)  # fmt: skip
        case Step.CHECKING:
            return Part("asking LeRobot", 0, Tone.ACCENT), *more
        case Step.TAKEN:
            return (*_taken(config), *more)
        case _:
            go = (Part(f"{GO_THERE} goes there", short=GO_THERE),) if config.line else ()
            return Part(f"{signs().no} {config.problem}", 0, Tone.DANGER, cut=True), *go, *more


def _taken(config: EditedConfig) -> tuple[Part, ...]:
    answer = config.answer
    assert answer is not None
    keys = [text.partition("=")[0] for text in answer.settings]
    differ = f"{plural(len(keys), 'key')} other than the preset" if keys else "as the preset"
    parts = [Part(f"{signs().yes} LeRobot takes it", 0, Tone.SUCCESS), Part(differ, 2)]
    return (*parts, *(Part(f"changes the form: {change}", 0, Tone.WARNING, short=change) for change in changed(config)))


def changed(config: EditedConfig) -> list[str]:
    """What the text changes of the form's own fields: `steps 20,000 to 30,000`."""
    from services.training.owned import FIELDS

    fields = config.answer.fields if config.answer else {}
    labels = dict(FIELDS.values())
    return [f"{labels[name]} {getattr(config.request, name):,} to {value:,}" for name, value in fields.items()]


def diff_rows(config: EditedConfig, width: int, height: int) -> list[Content]:
    """What the text has other than the preset, in at most `height` rows of `width` cells: `key  - before  + now`."""
    from services.training.config_text import difference

    if config.step is Step.LOADING or height < 1:
        return []
    if config.step is Step.FAILED and not config.opened:
        return []
    text = config.answer.text if config.answer else config.text
    found = difference(config.preset, text)
    if not found:
        same = "as the preset: nothing is edited" if text == config.preset else "no key is other than the preset's"
        return [cut(Content.styled(same, "$quiet"), width)]
    rows = [row for each in found for row in _diff_rows(each, width)]
    return [cut(row, width) for row in _fitting(rows, height)]


def _diff_rows(each: Difference, width: int) -> list[Content]:
    key = Content(clean(each.key))
    if "" in (each.before, each.now):  # a line that is no JSON
        return [Content.styled(f"+ {key}", "$success") if each.before is None else Content.styled(f"- {key}", "$error")]
    values = [
        Content.styled(f"{sign} {clean(value)}", tone)
        for sign, value, tone in (("-", each.before, "$error"), ("+", each.now, "$success"))
        if value is not None
    ]
    row = Content("  ").join([key, *values])
    return [row] if row.cell_length <= width else [key, *(value.pad_left(2) for value in values)]


def _fitting(rows: Sequence[Content], height: int) -> list[Content]:
    if len(rows) <= height:
        return list(rows)
    left = len(rows) - height + 1
    return [*rows[: height - 1], Content.styled(f"{signs().more} {plural(left, 'more line')}", "$quiet")]
