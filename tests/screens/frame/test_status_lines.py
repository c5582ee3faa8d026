"""The alarm line: what stands, then what was over a moment ago."""

from __future__ import annotations

from screens.frame.status_lines import alarm_line
from services.live import events as ev
from services.live.reasons import AlarmSource
from services.live.snapshots import LINGER_S, replay
from services.tone import Tone
from tests.support.runs import BEGAN


def test_what_is_over_leaves_the_line_after_a_few_seconds() -> None:
    raised = ev.AlarmRaised(source=AlarmSource.LEADER, text="leader: no answer", answer="wait", at=BEGAN)
    state = replay([raised, ev.AlarmCleared(source=AlarmSource.LEADER, at=BEGAN + 12)])
    line = alarm_line(state, BEGAN + 13)
    assert str(line.text).endswith("leader: no answer · over after 12 s") and line.tone is Tone.WARNING
    assert not alarm_line(state, BEGAN + 12 + LINGER_S).text


def test_an_alarm_that_a_person_answered_leaves_the_line_at_once() -> None:
    raised = ev.AlarmRaised(source=AlarmSource.POLICY, text="the policy died", at=BEGAN)
    state = replay([raised, ev.AlarmCleared(source=AlarmSource.POLICY, at=BEGAN + 12)])
    assert not alarm_line(state, BEGAN + 13).text
