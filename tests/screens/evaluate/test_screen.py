"""Evaluate: what the operator sees and may press, phase by phase; a verdict shows when it is on disk."""

from __future__ import annotations

import asyncio

import pytest

from screens.evaluate.form import EvaluateForm
from screens.evaluate.screen import DROP_S
from screens.frame.bindings import WORDS_S
from screens.frame.dialogs import Question
from screens.views import trial_tally
from screens.views.signs import UNICODE, use_signs
from screens.widgets.line import Lines
from screens.widgets.place_map import PlaceMap
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from sessions.conditions import Condition
from sessions.models import SessionKind, SessionStatus, Verdict
from tests.support.fake_desk import sim_profile

S, F, V = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID


@pytest.fixture
def make_eval(make_worker):
    """A scripted worker that evaluates."""
    return lambda **values: make_worker(kind=SessionKind.EVAL, **values)


def strip(console):
    return console.text("#strip").strip()


async def evaluate(console, worker, **attach):
    await console.attach(worker, "evaluate", **attach)
    worker.telemetry()
    await console.pilot.pause()


async def test_a_trial_from_ready_to_judged(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        await console.until(lambda: console.word == "READY")
        assert console.says == "put the scene in place · space starts trial 1"
        assert "space start trial 1" in console.keys
        await console.press("space")
        await console.until(lambda: console.word == "RUNNING")
        worker.telemetry(take_seconds=6.2, infer_ms=41, action_queue=38, starved=2)
        await console.until(lambda: console.screen.query_one("#right").text == "6.2")
        assert console.text("#right-label") == "of 10 s" and console.text("#left-label") == "trial 1 of 3"
        assert console.screen.query_one("#left").text == "1/3"
        assert "infer 41 ms · queue 38 · starved 2" in console.screen.query_one("#joints-foot", Lines).text
        assert strip(console) == "1●" and "Esc x STOP" in console.keys
        await console.press("s")
        await console.until(lambda: console.word == "SUCCESS")
        assert console.says == "✓ SUCCESS · trial 1 · saved"
        assert strip(console) == "1✓"
        await console.until(lambda: console.word == "READY", "the verdict stands for a second")
        assert console.says == "put the scene back · space starts trial 2"
        told = [c for c in worker.heard if not isinstance(c, protocol.Attach | protocol.SetPreviews)]
        assert [type(c).__name__ for c in told] == ["StartTrial", "JudgeTrial"]
        assert (told[0].trial, told[1].trial, told[1].verdict, told[1].judge) == (1, 1, S, "me")


async def test_the_condition_stands_below_the_phase_before_and_during_a_trial(open_console, make_eval):
    async with open_console(size=(80, 24)) as console:
        worker = await make_eval(condition="lamp [b]off")
        await evaluate(console, worker)
        await console.until(lambda: console.word == "READY")
        await console.sees("condition: lamp [b]off")
        await console.press("space")
        await console.until(lambda: console.word == "RUNNING")
        assert worker.snapshot.trials[0].condition == "lamp [b]off"
        await console.sees("condition: lamp [b]off")


async def test_a_verdict_shows_only_when_its_event_has_come_back(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.mute = {protocol.JudgeTrial}
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        before = console.tally
        await console.press("s")
        await console.until(lambda: bool(worker.heard_of(protocol.JudgeTrial)))
        assert console.word == "JUDGE IT" and console.tally == before and strip(console) == "1?"
        worker.tell(ev.TrialJudged(trial=1, verdict=S, judge="tg"))
        await console.until(lambda: console.word == "SUCCESS")
        assert "✓   1 success" in console.tally and strip(console) == "1✓"


ACTS = {
    Phase.STARTING: (["STOP"], ["space", "s success", "R release", "F finish"]),
    Phase.IDLE: (["space start trial 1", "g go to rest", "R release", "F finish", "n note"], ["s success", "STOP"]),
    Phase.ALIGNING: (["STOP"], ["space", "s success", "n note", "R release"]),
    Phase.RESTING: (["STOP"], ["space", "n note"]),
    Phase.RESTED: (["space start trial 1", "R release", "F finish"], ["STOP", "u undo"]),
    Phase.HELD: (["g go to rest", "R release", "F finish"], ["space", "p resume", "p pause", "STOP"]),
    Phase.RELEASED: (["F finish", "space start trial 1"], ["R release", "STOP"]),
    Phase.DONE: (["space start trial", "F finish"], ["STOP", "p pause"]),
}


async def test_the_footer_lists_only_keys_that_act(open_console, make_eval):
    async with open_console((200, 60)) as console:
        worker = await make_eval()
        await evaluate(console, worker)

        async def check(phase, shown, hidden):
            await console.until(lambda: console.desk.snapshot.phase is phase)
            await console.pilot.pause()
            assert (phase, [s for s in shown if s not in console.keys]) == (phase, [])
            assert (phase, [h for h in hidden if h in console.keys]) == (phase, [])

        for phase, (shown, hidden) in ACTS.items():
            worker.phase(phase)
            await check(phase, shown, hidden)
        verdicts = ["s success", "f failure", "v void"]
        worker.begin_trial(1)
        await check(
            Phase.RUNNING, [*verdicts, "space end trial 1", "STOP"], ["n note", "F finish", "R release", "g go"]
        )
        worker.end_trial(1, "time")
        worker.phase(Phase.JUDGING)
        await check(Phase.JUDGING, [*verdicts, "g go to rest", "F finish"], ["space", "n note", "STOP"])
        worker.tell(ev.TrialJudged(trial=1, verdict=S))
        worker.come_to_rest()
        await check(Phase.RESTED, ["u undo", "space start trial 2", "n note"], verdicts)


async def test_keys_that_cannot_act_say_why(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)

        async def says(key, words):
            await console.press(key)
            await console.until(lambda: words in console.everything, f"{key}: {words!r}")

        await says("s", "nothing to judge yet: no trial runs")
        await says("u", "nothing to undo")
        await says("1", "f first, then its number")
        await says("p", "an evaluation has no pause")
        worker.trial(S)
        await console.until(lambda: strip(console) == "1✓")
        await says("f", "nothing to judge: trial 1 has its verdict, u takes it back")
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        await says("space", "judge trial 2 first: s, f or v")
        await says("n", "judge trial 2 first: s, f or v; then n")
        worker.tell(ev.TrialJudged(trial=2, verdict=F))
        worker.phase(Phase.HELD, "holding")
        await console.until(lambda: console.word == "HELD")
        await asyncio.sleep(WORDS_S)  # until then it belongs to the note
        await says("space", "g goes to rest, then space starts trial 3")
        assert not worker.heard_of(protocol.StartTrial) and not worker.heard_of(protocol.JudgeTrial)
        assert not worker.heard_of(protocol.Follow) and not worker.heard_of(protocol.Stop)


async def test_a_trial_that_ended_without_a_verdict_waits_for_it_in_words(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        await console.press("space")
        await console.until(lambda: console.word == "RUNNING")
        await console.press("space")
        await console.until(lambda: console.word == "JUDGE IT")
        assert console.says == "ended by key · s success, f failure, v void"
        assert worker.heard_of(protocol.EndTrial)[0].trial == 1
        for reason, words in (("time", "time is over"), ("driver", "the driving console was lost, so the arm held")):
            await console.press("v")
            await console.until(lambda: console.word == "READY")
            worker.trial(reason=reason)
            await console.until(lambda w=words: console.says.startswith(w))


async def test_a_policy_that_failed_is_said_with_its_reason(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.begin_trial(1)
        worker.end_trial(1, "failed", "the policy process was killed")
        worker.phase(Phase.JUDGING, "the policy process was killed: trial 1 waits for its verdict")
        worker.tell(ev.AlarmRaised(source="policy", text="the policy process was killed", answer="judge the trial"))
        await console.until(lambda: console.word == "JUDGE IT")
        assert console.says == "the policy process was killed · s success, f failure, v void"
        assert "the policy process was killed" in console.text("#alarm")


async def test_after_a_stop_the_verdict_moves_nothing_and_the_banner_names_the_keys(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.begin_trial(1)
        await console.until(lambda: console.word == "RUNNING")
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        worker.end_trial(1, "stopped")
        await console.until(lambda: console.word == "JUDGE IT")
        assert console.says.startswith("stopped · ")
        banner = console.text("#banner")
        assert "HELD" in banner and "s f v judge the trial · g goes to rest · R releases" in banner
        assert "resume" not in banner
        await console.press("f")
        await console.until(lambda: strip(console) == "1✗")
        assert console.desk.snapshot.phase is Phase.HELD and "judge the trial" not in console.text("#banner")
        worker.phase(Phase.HELD, "holding; trial 1 waits for its verdict")  # as it was when the stop came
        await console.until(
            lambda: console.says == "the arm holds, torque is on · g goes to rest, then space starts trial 2"
        )
        await console.press("g")
        await console.until(lambda: console.word == "READY")


async def test_a_failure_mode_follows_the_failure_by_one_digit(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        assert console.text("#modes") == ""
        await console.press("f")
        await console.until(lambda: "how it failed:  1 grasps air  2 drops it" in console.text("#modes"))
        assert "not said" in console.tally
        await console.press("9")
        await console.until(lambda: "there is no failure mode 9, but 4: o types another one" in console.everything)
        await console.press("1")
        await console.until(lambda: strip(console) == "1✗¹")
        assert "✓grasps air" in console.text("#modes")
        assert any("1 grasps air" in row and "█ 1" in row for row in console.tally.splitlines())
        await console.press("2")
        await console.until(lambda: strip(console) == "1✗²", "it may be said anew")
        assert [c.failure_mode for c in worker.heard_of(protocol.AnnotateTrial)] == ["grasps air", "drops it"]
        worker.begin_trial(2)
        await console.until(lambda: console.word == "RUNNING")
        assert console.text("#modes") == ""


async def test_a_digit_typed_right_after_the_verdict_waits_for_it(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.slow[protocol.JudgeTrial] = 0.4  # its answer follows the write to a slow disk
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        await console.press("f", "1")
        await console.until(lambda: strip(console) == "1✗¹")


async def test_only_the_digit_waits_a_start_typed_with_it_is_not_kept(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.slow[protocol.JudgeTrial] = 0.4
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        await console.press("f", "1", "space")
        await console.until(lambda: strip(console) == "1✗¹")
        assert not worker.heard_of(protocol.StartTrial), "a start out of a burst is not believed"


async def test_a_digit_after_a_verdict_that_is_refused_says_nothing_more(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.slow[protocol.JudgeTrial], worker.refuse[protocol.JudgeTrial] = 0.3, "the disk is full"
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        await console.press("f", "1")
        await console.until(lambda: "the disk is full" in console.everything)
        assert not worker.heard_of(protocol.AnnotateTrial)


async def test_a_digit_after_a_verdict_key_that_does_nothing_changes_no_earlier_trial(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.trial(S)
        worker.trial(F, failure_mode="misses the bowl")
        await console.until(lambda: strip(console) == "1✓ 2✗³")
        await console.press("f", "1")  # the third trial was not begun
        await console.until(lambda: "nothing to judge: trial 2 has its verdict" in console.everything)
        await console.pilot.pause(0.3)
        assert not worker.heard_of(protocol.AnnotateTrial) and strip(console) == "1✓ 2✗³"
        await console.pilot.pause(DROP_S)
        await console.press("1")
        await console.until(lambda: strip(console) == "1✓ 2✗¹", "a digit of its own still says it anew")


async def test_a_digit_after_such_a_key_keeps_the_sentence_that_says_why(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.trial(S)
        await console.until(lambda: strip(console) == "1✓")
        await console.press("f", "1")
        await console.pilot.pause(0.2)
        assert "nothing to judge: trial 1 has its verdict" in console.everything
        assert "f first, then its number" not in console.everything


async def test_a_refused_verdict_silences_no_later_digit(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.refuse[protocol.JudgeTrial] = "the disk is full"
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        await console.press("f")
        await console.until(lambda: "the disk is full" in console.everything)
        await console.press("1")
        worker.tell(ev.TrialJudged(trial=1, verdict=F))  # another console judged it
        await console.until(lambda: strip(console) == "1✗")
        await console.pilot.pause(DROP_S)
        assert not worker.heard_of(protocol.AnnotateTrial)
        await console.press("1")
        await console.until(lambda: strip(console) == "1✗¹")


async def test_undo_takes_the_last_verdict_back_until_the_next_trial(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.trial(S)
        worker.trial(F, failure_mode="grasps air")
        await console.until(lambda: strip(console) == "1✓ 2✗¹")
        await console.press("u")
        await console.until(lambda: strip(console) == "1✓ 2?")
        assert console.word == "JUDGE IT" and "100 %" in console.tally
        await console.press("s")
        await console.until(lambda: strip(console) == "1✓ 2✓")
        assert [c.trial for c in worker.heard_of(protocol.UndoVerdict)] == [2]
        worker.begin_trial(3)
        await console.until(lambda: console.word == "RUNNING")
        assert "u undo" not in console.keys
        await console.press("u")
        await console.until(lambda: "the next trial has begun" in console.everything)


async def test_a_void_trial_counts_nowhere_and_is_repeated_under_its_number(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        for verdict in (S, S):
            worker.trial(verdict)
        worker.trial(V)
        await console.until(lambda: strip(console) == "1✓ 2✓ 3○")
        assert "space start trial 3" in console.keys and "○   1 void, repeated" in console.tally
        await console.press("space")
        await console.until(lambda: strip(console) == "1✓ 2✓ 3○ 3●")
        assert worker.heard_of(protocol.StartTrial)[0].trial == 4, "commands count attempts"
        await console.press("f")
        await console.until(lambda: console.desk.snapshot.reached)
        await console.until(lambda: console.word == "DONE")
        assert console.says.startswith("67 % [21, 94]") and "F finishes" in console.says
        assert "67 % [21, 94]" in console.tally


async def test_the_target_reached_offers_to_finish_and_the_end_is_summed_up(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval(target=1)
        worker.trial(S)
        await evaluate(console, worker)
        await console.until(lambda: console.word == "DONE")
        await console.press("F")
        await console.until(lambda: console.word == "FINISHED")
        await console.sees("this session, as the log keeps it")
        assert "100 % [21, 100]" in console.says
        await console.press("N")
        await console.until(lambda: bool(console.screen.query(EvaluateForm)))


async def test_finishing_without_a_verdict_asks_first(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.trial()
        await console.until(lambda: console.word == "JUDGE IT")
        await console.press("F")
        assert isinstance(console.app.screen, Question)
        await console.sees("Trial 1 has no verdict")
        await console.press("j")
        assert not worker.heard_of(protocol.Finish) and not isinstance(console.app.screen, Question)
        await console.press("F", "y")
        await console.until(lambda: bool(worker.heard_of(protocol.Finish)))


async def test_what_the_policy_looks_at_is_shown_first_and_the_others_by_w(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"wrist"})
        assert "  act_v2 @ 020000 · wrist only" in console.text("#header")
        await console.sees("· the policy does not use")
        await console.press("w")
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead"})
        await console.press("w", "w")
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"wrist"})


async def test_a_policy_without_cameras_at_a_bench_without_any_leaves_no_hole(open_console, make_worker):
    profile = sim_profile()
    profile.robot.pop("cameras")
    async with open_console(profiles={"sim": profile}) as console:
        worker = await make_worker(kind=SessionKind.EVAL, profile=profile, open_dataset=False)
        worker.load_policy(cameras=(), notes=())
        worker.phase(Phase.IDLE)
        await evaluate(console, worker)
        await console.until(lambda: "no camera" in console.text("#header"))
        await console.until(lambda: console.screen.query_one("#panels").region.width == 120)
        assert console.word == "READY" and "w enlarge" not in console.keys
        await console.pilot.resize_terminal(80, 24)
        await console.sees("the success rate appears here")


async def test_a_watcher_judges_nothing_until_it_takes_over(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        worker.drive("anna")
        worker._driver = object()  # somebody else's connection
        worker.trial()
        await evaluate(console, worker)
        worker.drive("anna")
        await console.until(lambda: "anna drives" in console.text("#banner"))
        assert "s success" not in console.keys and console.says.endswith("the driver judges it")
        await console.press("s", "space")
        assert not worker.heard_of(protocol.JudgeTrial)
        await console.press("T")
        await console.until(lambda: console.desk.driving)
        await console.press("s")
        await console.until(lambda: strip(console) == "1✓")


async def test_bells_tell_start_end_verdict_and_rest_apart(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        rung = []
        console.desk.bells.play = lambda name: rung.append(name) if name else None
        worker.trial(S)
        await console.until(lambda: len(rung) >= 4)
        assert rung == ["start", "end", "saved", "ready"]
        worker.trial()
        worker.refuse[protocol.JudgeTrial] = "the disk is full"
        await console.until(lambda: console.word == "JUDGE IT")
        await console.press("s")
        await console.until(lambda: rung[-1] == "refused")
        await console.until(lambda: "the disk is full" in console.text("#banner"))


async def test_a_dark_camera_offers_to_void_the_trial(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        worker.begin_trial(1)
        worker.alarm_camera("wrist")
        await console.until(lambda: "wrist: black in trial 1" in console.text("#alarm"))
        assert "v voids the trial · w enlarges the picture" in console.text("#alarm")


async def test_hostile_text_stays_text(open_console, make_worker):
    profile = sim_profile()
    profile = type(profile)(
        **{f: getattr(profile, f) for f in profile.__struct_fields__ if f != "failure_modes"},
        failure_modes=("[bold]\x1b[31mair[/]", "b" * 300),
    )
    async with open_console() as console:
        worker = await make_worker(
            kind=SessionKind.EVAL, profile=profile, task="[red]\x1b]0;x\x07task[/]", checkpoint="/x/[b]\x1b[2Jact",
            open_dataset=False,
        )  # fmt: skip
        worker.load_policy(policy="[i]act\x1b[0m", notes=("[u]\x1b[1mnote[/u]",), cameras=("wrist",))
        worker.phase(Phase.IDLE)
        await evaluate(console, worker)
        worker.trial(F, failure_mode="[bold]\x1b[31mair[/]")
        await console.sees("[u]note[/u]")
        await console.until(lambda: "1 ✓[bold]air[/]" in console.text("#modes"))
        assert "[red]task[/]" in console.everything and "[b]act" in console.text("#header")
        assert "\x1b" not in console.everything


async def test_a_worker_that_died_shows_its_last_words_and_the_missing_verdict(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        worker.trial(S)
        worker.trial()
        await evaluate(console, worker)
        worker.run.log.write_text("RuntimeError: [bold]no power[/]\n")
        await worker.stop()
        await console.sees("RuntimeError: [bold]no power[/]")
        assert console.desk.snapshot.status is SessionStatus.CRASHED and console.word == "CRASHED"
        assert "trial 2 has no verdict" in console.says and "N new evaluation" in console.keys


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_size_shows_phase_count_tally_strip_and_keys(open_console, make_eval, size):
    async with open_console(size) as console:
        worker = await make_eval(target=20)
        for verdict in (S, S, F, V, S):
            worker.trial(verdict)
        worker.begin_trial(6)
        await evaluate(console, worker)
        worker.telemetry(take_seconds=6.2)
        await console.until(lambda: console.word == "RUNNING")
        seen = console.everything
        for words in ("75 % [30, 95]", "1✓ 2✓ 3✗ 4○ 4✓ 5●", "trial 5 of 20", "s success", "v void", "Esc x STOP"):
            assert words in seen, f"{words} at {size}"
        assert console.screen.query_one("#word").scale("RUNNING") >= 1
        assert [w for w in console.screen.query("*") if w.focusable] == []
        before = console.screen.query_one("#keys").region
        worker.tell(ev.AlarmRaised(source="policy", text="it is late"))
        worker.end_trial(6, "time")
        worker.phase(Phase.JUDGING)
        await console.press("f")
        await console.sees("how it failed:")
        assert console.screen.query_one("#keys").region == before, "nothing moves the keys"
        await console.press("d")
        await console.sees("51.6 M parameters")


async def test_in_ascii_a_sign_stands_for_each_verdict(open_console, make_eval, monkeypatch):
    monkeypatch.setenv("LAB_CONSOLE_ASCII", "1")
    try:
        async with open_console() as console:
            worker = await make_eval()
            for verdict in (S, F, V):
                worker.trial(verdict)
            await evaluate(console, worker)
            await console.until(lambda: strip(console) == "1+ 2x 3o")
            bar = next(row for row in console.tally.splitlines() if row.startswith("0 |"))
            assert "=*=" in bar and bar.endswith("| 100")
            assert console.everything.isascii()
    finally:
        use_signs(UNICODE)


def test_the_interval_bar_holds_the_rate_within_its_interval():
    for judged in range(41):
        for successes in range(judged + 1):
            for width in (14, 30, 44):
                bar = trial_tally.interval(successes, judged, width).plain
                assert len(bar) == width
                if judged:
                    track = bar[3:-5]
                    cells = [at for at, c in enumerate(track) if c in "━●"]
                    assert cells == list(range(cells[0], cells[-1] + 1)) and track.count("●") == 1


async def test_the_strip_shows_the_newest_trials_that_fit(open_console, make_eval):
    async with open_console((80, 24)) as console:
        worker = await make_eval(target=60)
        for _ in range(30):
            worker.trial(S)
        await evaluate(console, worker)
        await console.until(lambda: strip(console).endswith("30✓"))
        assert strip(console).startswith("+") and len(strip(console)) <= 76


async def test_attaching_from_bench_opens_evaluate(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        worker.trial(S)
        await console.press("f2")
        await console.until(lambda: "a attach" in console.keys)
        await console.press("a")
        await console.until(lambda: console.screen.id == "evaluate" and strip(console) == "1✓")


async def test_record_says_where_the_evaluation_is(open_console, make_eval):
    async with open_console() as console:
        worker = await make_eval()
        await evaluate(console, worker)
        await console.press("f3")
        await console.until(lambda: console.screen.id == "record")
        await console.sees("F5 shows this eval session")
        await console.press("space")
        await asyncio.sleep(0)
        assert not worker.heard_of(protocol.StartTake) and not worker.heard_of(protocol.StartTrial)


async def test_between_trials_a_map_shows_where_the_object_goes_and_gives_way_to_the_trial(open_console, make_eval):
    places = (Condition(name="back", x=270, y=40), Condition(name="front", x=180, y=-20))
    async with open_console(size=(120, 40)) as console:
        worker = await make_eval(conditions=places)
        await evaluate(console, worker)
        await console.until(lambda: console.word == "READY")
        drawn = console.screen.query_one(PlaceMap)
        await console.until(lambda: "● back" in drawn.text)
        assert drawn.text.count("○") == 1 and "arm" in drawn.text
        assert not console.screen.query_one("#joints-box").display
        assert "condition: back" in str(console.screen.query_one("#phase-box").border_subtitle)
        await console.press("space")
        await console.until(lambda: console.word == "RUNNING")
        await console.until(lambda: console.screen.query_one("#joints-box").display)
        assert not console.screen.query_one("#place").display
