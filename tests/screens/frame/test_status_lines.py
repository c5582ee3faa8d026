"""The alarm line: what stands, then what was over a moment ago."""

from __future__ import annotations

import pytest

from screens.frame.status_lines import alarm_line, shortened
from screens.views import keys
from screens.views.advice import SENTENCES
from services.live import events as ev
from services.live.alarms import LINGER_S
from services.live.phases import Phase
from services.live.reasons import Advice, AlarmSource
from services.live.snapshots import replay
from services.tone import Tone
from sessions.models import EndedBy, SessionKind, Verdict
from tests.support.runs import BEGAN, numbered, session_id, started


def test_what_is_over_leaves_the_line_after_a_few_seconds() -> None:
    raised = ev.AlarmRaised(source=AlarmSource.LEADER, text="leader: no answer", answer="wait", at=BEGAN)
    state = replay([raised, ev.AlarmCleared(source=AlarmSource.LEADER, at=BEGAN + 12)])
    line = alarm_line(state, now=BEGAN + 13)
    assert str(line.text).endswith("leader: no answer · over after 12 s") and line.tone is Tone.WARNING
    assert not alarm_line(state, now=BEGAN + 12 + LINGER_S).text


def test_the_console_names_the_key_that_lab_toml_gives_a_command() -> None:
    raised = ev.AlarmRaised(
        source=AlarmSource.FOLLOWER, text="unplugged", answer="plug it in", advice=Advice.RESUME, at=BEGAN
    )
    state = replay([raised, ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", advice=Advice.REST_OR_RELEASE)])
    assert (
        str(alarm_line(state, now=BEGAN).text)
        == "⚠ unplugged · plug it in · p follows again when it is back · 1 of 2, ! next"
    )
    before = keys.keymap()
    keys.use_keymap({"session.pause": "f9", "session.rest": "w"})
    try:
        assert "plug it in · F9 follows again when it is back" in str(alarm_line(state, now=BEGAN).text)
        heat = replay([ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", advice=Advice.REST_OR_RELEASE, at=BEGAN)])
        assert str(alarm_line(heat, now=BEGAN).text).endswith("w goes to rest · R releases")
    finally:
        keys.use_keymap(before)


def test_every_advice_has_its_sentence_and_an_unknown_one_says_nothing() -> None:
    assert set(SENTENCES) == set(Advice) - {Advice.NONE}
    raised = ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", advice=Advice("dance"), at=BEGAN)
    assert str(alarm_line(replay([raised]), now=BEGAN).text) == "⚠ hot"


def camera_line(*before: ev.Event, take: int, kind: SessionKind = SessionKind.RECORD) -> str:
    """The alarm line of a black camera in take, or trial, `take`, after these events."""
    begun = (started(session_id(1), kind=kind), ev.PhaseChanged(phase=Phase.READY.value))
    black = ev.CameraAlarmed(camera="wrist", state="black", since=BEGAN, take=take)
    return str(alarm_line(replay(numbered(*begun, *before, black)), now=BEGAN).text)


def test_a_camera_alarm_offers_a_rejection_only_where_the_key_would_reject_its_take() -> None:
    rejects = "r rejects the take · w enlarges the picture"
    running = ev.TakeStarted(take=3)
    assert camera_line(running, take=3).endswith(rejects)
    assert camera_line(running, ev.EpisodeSaved(take=3, index=0, frames=9, seconds=1, accepted=True, save_ms=1),
                       take=3).endswith(rejects)  # fmt: skip
    enlarges = "· w enlarges the picture"
    assert camera_line(take=0).endswith(f"wrist: black {enlarges}"), "outside any take"
    assert camera_line(running, take=0).endswith(enlarges), "it began before the take"
    assert camera_line(running, ev.TakeMarked(take=3, accepted=False), take=3).endswith(enlarges), "r would accept it"
    saved_rejected = ev.EpisodeSaved(take=3, index=0, frames=9, seconds=1, accepted=False, save_ms=1)
    assert camera_line(running, saved_rejected, take=3).endswith(enlarges)
    assert camera_line(running, ev.TakeStarted(take=4), take=3).endswith(enlarges), "r acts on take 4"
    assert camera_line(running, ev.TakeLost(take=3, reason="disk full"), take=3).endswith(enlarges)


def test_a_camera_alarm_offers_to_void_only_a_trial_that_has_no_verdict() -> None:
    trial = ev.TrialStarted(trial=2, checkpoint="c")
    evaluation = SessionKind.EVAL
    assert "voids the trial" in camera_line(trial, take=2, kind=evaluation)
    assert "voids" not in camera_line(take=0, kind=evaluation)
    judged = ev.TrialJudged(trial=2, verdict=Verdict.FAILURE)
    ended = ev.TrialEnded(trial=2, frames=9, reason=EndedBy.TIME)
    assert "voids" not in camera_line(trial, ended, judged, take=2, kind=evaluation)
    assert "voids" not in camera_line(trial, ended, judged, ev.TrialStarted(trial=3, checkpoint="c"), take=2,
                                      kind=evaluation)  # fmt: skip


def test_an_alarm_that_a_person_answered_leaves_the_line_at_once() -> None:
    raised = ev.AlarmRaised(source=AlarmSource.POLICY, text="the policy died", at=BEGAN)
    state = replay([raised, ev.AlarmCleared(source=AlarmSource.POLICY, at=BEGAN + 12)])
    assert not alarm_line(state, now=BEGAN + 13).text


@pytest.mark.parametrize("width", [40, 60, 78, 118])
def test_a_notice_keeps_what_to_do_where_it_does_not_fit(width: int) -> None:
    """The end of a notice is what to press: the beginning of what is wrong stays, and the whole of what to do."""
    does = "F finishes it, q leaves"
    short = shortened(
        f"a session of another operator runs already on this bench since {'a while, ' * 9}really: {does}", width
    )
    assert len(short) <= width
    assert short.startswith("a session") and (short.endswith(does) or width == 40)
    assert shortened("one long clause without an end " * 5, width).endswith("…")
