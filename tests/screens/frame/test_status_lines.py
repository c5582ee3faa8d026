"""The alarm line: what stands, then what was over a moment ago."""

from __future__ import annotations

from screens.frame.status_lines import alarm_line
from screens.views import keys
from screens.views.advice import SENTENCES
from services.live import events as ev
from services.live.reasons import Advice, AlarmSource
from services.live.snapshots import LINGER_S, replay
from services.tone import Tone
from tests.support.runs import BEGAN


def test_what_is_over_leaves_the_line_after_a_few_seconds() -> None:
    raised = ev.AlarmRaised(source=AlarmSource.LEADER, text="leader: no answer", answer="wait", at=BEGAN)
    state = replay([raised, ev.AlarmCleared(source=AlarmSource.LEADER, at=BEGAN + 12)])
    line = alarm_line(state, BEGAN + 13)
    assert str(line.text).endswith("leader: no answer · over after 12 s") and line.tone is Tone.WARNING
    assert not alarm_line(state, BEGAN + 12 + LINGER_S).text


def test_the_console_names_the_key_that_lab_toml_gives_a_command() -> None:
    raised = ev.AlarmRaised(
        source=AlarmSource.FOLLOWER, text="unplugged", answer="plug it in", advice=Advice.RESUME, at=BEGAN
    )
    state = replay([raised, ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", advice=Advice.REST_OR_RELEASE)])
    assert str(alarm_line(state, BEGAN).text) == "⚠ unplugged · plug it in; p resumes when it is back  (+1 more)"
    before = keys.keymap()
    keys.use_keymap({"session.pause": "f9", "session.rest": "w"})
    try:
        assert "plug it in; F9 resumes when it is back" in str(alarm_line(state, BEGAN).text)
        heat = replay([ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", advice=Advice.REST_OR_RELEASE, at=BEGAN)])
        assert str(alarm_line(heat, BEGAN).text).endswith("w goes to rest, R releases")
    finally:
        keys.use_keymap(before)


def test_every_advice_has_its_sentence_and_an_unknown_one_says_nothing() -> None:
    assert set(SENTENCES) == set(Advice) - {Advice.NONE}
    raised = ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", advice=Advice("dance"), at=BEGAN)
    assert str(alarm_line(replay([raised]), BEGAN).text) == "⚠ hot"


def test_an_alarm_that_a_person_answered_leaves_the_line_at_once() -> None:
    raised = ev.AlarmRaised(source=AlarmSource.POLICY, text="the policy died", at=BEGAN)
    state = replay([raised, ev.AlarmCleared(source=AlarmSource.POLICY, at=BEGAN + 12)])
    assert not alarm_line(state, BEGAN + 13).text
