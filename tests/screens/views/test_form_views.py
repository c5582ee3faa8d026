"""What stands beside a form, and what its pickers offer: values in, lines out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from screens.frame.entries import Entries
from screens.frame.field import Field, FieldKind
from screens.views.checkpoint_choices import checkpoint_choices, policy_choices
from screens.views.choices import Choice, choice_line, dataset_choices, flagged, matching
from screens.views.facts import Fact, Section, section_lines, side_by_side
from screens.views.measured import plain
from screens.views.outlooks import (
    Evaluation,
    Recording,
    Training,
    evaluate_section,
    record_sections,
    train_brief,
    train_sections,
)
from screens.views.people import operator_choices, task_choices
from services.datasets.summary import DatasetSummary
from services.evaluation import outlook as evaluation
from services.live import events as ev
from services.live.snapshots import replay
from services.log.past import Past
from services.recording import outlook as recording
from services.refusal import Checks, Refusal, check_number
from services.tone import Tone
from services.training import outlook as training
from sessions.models import AlarmCount, Episode, SessionKind, Trial, Verdict
from tests.support import facts
from tests.support.fake_desk import sim_profile

NOW = 1_771_400_000.0
CUBE = "Pick up the cube and place it in the bowl"
PICK = DatasetSummary(
    "pick_place", Path("/d/pick_place"), episodes=13, accepted=11, rejected=2, marked=13,
    flags={4: ("overhead black",), 7: ("overhead black",), 9: ("late periods 23",)},
    frames=13 * 240, fps=30, robot_type="sim_so101_follower", cameras=("overhead", "wrist"), bytes=13_000_000,
    changed=NOW - 86_400,
)  # fmt: skip
TORN = DatasetSummary("torn", Path("/d/torn"), problem="meta/info.json is torn: it is no JSON")


def lines(sections: list[Section], width: int = 60) -> str:
    """All of it in one line."""
    return " ".join(" ".join(line.plain for line in section_lines(sections, width)).split())


def recorded(number: int, *, calibration: str = "", task: str = CUBE, **more: object):
    connected = ev.BenchConnected(robot="sim", calibration={"follower": calibration} if calibration else {})
    episodes = (Episode(index=0, take=1, frames=240, seconds=8.0),)
    return facts.session(
        f"2026021{number}-140000-aaaa", dataset="pick_place", task=task, connected=connected, episodes=episodes,
        profile=sim_profile(), operator="tg", **more,
    )  # fmt: skip


def trained(
    name: str = "act_v2", *, batch: int = 8, dataset: str = "pick_place", seconds: float = 0.9, **asked: object
):
    output = f"/d/outputs/train/{name}"
    saved = facts.checkpoint_saved(500, bytes=865_000_000, loss=0.05, path=f"{output}/c/000500")
    metrics = {"update_s": seconds}
    run = facts.training(metrics=metrics, batch_size=batch, output_dir=output, checkpoints=(saved,))
    return facts.session(
        "20260210-140000-bbbb", kind=SessionKind.TRAIN, dataset=dataset, name=name, training=run, **asked
    )


# -- pickers -----------------------------------------------------------------------------------------


def test_every_word_that_was_typed_narrows_the_list_and_the_same_name_comes_first():
    choices = [
        Choice("pick_place_old"),
        Choice("Pick"),
        Choice("unpick"),
        Choice("stack"),
        Choice("x", label="run @ 5"),
    ]
    assert [c.value for c in matching(choices, "pick")] == ["Pick", "pick_place_old", "unpick"]
    assert [c.value for c in matching(choices, "place pick")] == ["pick_place_old"]
    assert [c.value for c in matching(choices, "run @")] == ["x"] and len(matching(choices, " ")) == 5


def test_a_dataset_is_offered_with_its_facts_and_a_bad_one_last_with_what_is_wrong():
    hostile = DatasetSummary("\x1b[31mred", Path("/d/x"))
    torn, pick = reversed(dataset_choices([TORN, hostile, PICK], NOW))
    assert " ".join(choice_line(pick, 60).plain.split()) == "pick_place 11 of 13 episodes · 1 m 44 s"
    assert choice_line(pick, 60).cell_length == 60 and choice_line(pick, 12, marked=True).plain == "▌pick_place"
    told = lines([Section("", pick.facts)])
    assert "11 accepted of 13 episodes" in told and "1 m 44 s at 30 frames a second" in told
    assert "flagged overhead black: 4, 7; late periods: 9" in told and "cameras overhead, wrist" in told
    assert torn.tone is Tone.WARNING and "⚠ meta/info.json is torn" in torn.note


def test_flags_of_cameras_that_are_left_out_do_not_count():
    assert flagged(PICK.flags, ("overhead",)) == "late periods: 9"
    assert flagged(dict.fromkeys(range(10), ("wrist black",))) == "wrist black: 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"


def test_tasks_and_operators_come_with_what_the_log_has_of_them():
    sessions = [recorded(3), recorded(2, task="Stack the cubes"), recorded(1)]
    named, other = task_choices(sim_profile(), sessions)
    assert (named.value, named.note) == ("pick_place", "2 accepted episodes")
    assert (other.value, other.note) == ("Stack the cubes", "1 accepted episode")
    assert operator_choices(sim_profile(), sessions, NOW)[-1].note == "3 sessions"


def test_a_checkpoint_is_offered_with_what_its_training_logged():
    paths = ["outputs/train/act_v2/c/000500", "outputs/train/foreign/checkpoints/000100"]
    mine, foreign = checkpoint_choices(Path("/d"), paths, [trained()], NOW)
    assert "loss 0.05" in mine.note and "step 500 of 20,000" in lines([Section("", mine.facts)])
    assert "865 MB" in lines([Section("", mine.facts)])
    assert foreign.shown == "foreign @ 000100" and "not in this log" in foreign.facts[0].text


def test_a_policy_says_what_installs_it_its_chunk_and_its_pictures():
    act, wall = policy_choices(["act", "vqbet"], {"vqbet": "uv pip install 'lerobot[x]'"}, {"act": (100, 100)})
    assert "100 actions at once, 100 carried out" in lines([Section("", act.facts)])
    assert wall.note == "not installed" and "`uv pip install 'lerobot[x]'`" in lines([Section("", wall.facts)])
    assert "one camera" in lines([Section("", wall.facts)])


# -- what it will mean -------------------------------------------------------------------------------


def record(dataset: str = "pick_place", *, valid: bool = True, past: Past | None = None, episodes: int = 10) -> str:
    plan = Recording(dataset, valid, CUBE, episodes, 8.0, 3.0)
    return lines(record_sections(past or Past((PICK,), (), 5_000_000_000), sim_profile(), plan, NOW))


def test_a_recording_says_what_it_adds_how_long_it_takes_and_the_disk_it_needs():
    told = record()
    assert "appends to it" in told and "10 x 8 s = 1 m 20 s at most; 1 m 50 s at the bench" in told
    assert "3 m 04 s in 23 episodes" in told
    assert "about 10 MB as in pick_place; 5.0 GB free: room for 5,000 takes" in told
    assert "⚠ disk" not in told and "⚠ disk: about 10 GB" in record(episodes=10_000)


def test_a_new_dataset_is_called_new_only_under_a_name_that_it_can_have():
    assert "dataset other a new dataset" in record("other")
    assert "new dataset" not in record("two words", valid=False)


def test_a_dataset_recorded_with_another_calibration_says_so():
    same = Past((PICK,), (recorded(2, calibration="aa"), recorded(1, calibration="aa")))
    assert "calibration" not in record(past=same)
    elsewhere = msgspec.structs.replace(
        recorded(3, calibration="bb"), started=facts.started("x", dataset="other", profile=sim_profile())
    )
    assert "⚠ recorded with another calibration of follower than now" in record(
        past=Past((PICK,), (elsewhere, *same.sessions))
    )


def test_the_cameras_alarms_of_the_last_session_here_are_said():
    alarms = (AlarmCount(text="overhead: black in take 3", first=NOW), AlarmCount(text="disk is full", first=NOW))
    last = recorded(3, alarm_counts=alarms)
    assert recording.camera_alarms([last], sim_profile()) == ("overhead: black in take 3",)
    assert "⚠ overhead: black in take 3, in the last session here" in record(past=Past((PICK,), (last,)))


def test_the_alarms_of_a_camera_are_not_those_of_one_whose_name_begins_like_it():
    class Bench:
        name, pictures = sim_profile().name, ("over",)

    raised = [ev.CameraAlarmed(camera=name, state="black", since=NOW, take=3) for name in ("over", "overhead")]
    counts = replay(raised).alarm_counts
    assert [count.camera for count in counts] == ["over", "overhead"]
    for alarms in (counts, [msgspec.structs.replace(count, camera=None) for count in counts]):  # older files name none
        last = recorded(3, alarm_counts=tuple(alarms))
        assert recording.camera_alarms([last], Bench) == ("over: black in take 3",)
    oldest = recorded(3, alarms=tuple(count.text for count in counts))
    assert recording.camera_alarms([oldest], Bench) == ("over: black in take 3",)
    gone = ev.AlarmRaised(source="observation", text="over: no pictures (unplugged)", camera="over")
    last = recorded(3, alarm_counts=replay([gone]).alarm_counts)
    assert recording.camera_alarms([last], Bench) == ("over: no pictures (unplugged)",)


def train(past: Past, *, without: tuple[str, ...] = (), **more: int | str) -> str:
    plan = Training(**{"dataset": "pick_place", "policy": "act", "steps": 20_000, "batch_size": 8, "save_every": 4000}
                    | more, without=without)  # fmt: skip
    return lines(train_sections(past, plan, NOW))


def test_a_training_names_the_flagged_episodes_it_uses_and_the_cameras_that_are_left():
    told = train(Past((PICK,)))
    assert "11 of 13 episodes, 2 rejected left out" in told
    assert "⚠ flagged, but accepted and used: overhead black: 4, 7; late periods: 9" in told
    without = train(Past((PICK,)), without=("overhead",))
    assert "accepted and used: late periods: 9" in without and "cameras wrist, without overhead" in without


def test_a_low_terminal_has_the_training_in_a_line():
    plan = Training("pick_place", "act", steps=20_000, batch_size=8, save_every=4000)
    alone = plain(train_brief(Past((PICK,)), plan))
    assert alone.startswith("11 of 13 episodes, 2 rejected left out · ") and " of data · " in alone
    assert alone.endswith(" epochs"), "the log has no run that tells its time"
    known = plain(train_brief(Past((PICK,), (trained(),), free=1_000_000_000), plan))
    assert "takes ≈ " in known and known.endswith("⚠ disk 4.3 GB of 1.0 GB")
    assert plain(train_brief(Past((PICK,)), replace(plan, dataset="gone"))) == ""


def test_an_act_is_said_to_take_pictures_as_they_are_and_what_a_resize_would_spare_it():
    camera = {"dtype": "video", "shape": (480, 640, 3), "names": ["height", "width", "channels"]}
    cameras = {f"observation.images.{name}": camera for name in ("overhead", "wrist")}
    past = Past((replace(PICK, features=cameras),), ())
    assert "640x480: 300 image tokens each, 600 in all; resized to 320x240 they would be 160" in train(past)
    assert "640x480: 300 image tokens; resized to 320x240 they would be 80" in train(past, without=("wrist",))
    assert "640x480 resized to 320x240: 80 image tokens each, 160 in all instead of 600" in train(
        past, resize="320x240"
    )
    assert "⚠ pictures of 640x480 have another shape than 224x224: stretched" in train(past, resize="224x224")
    assert "⚠ pictures are enlarged to 1280x960" in train(past, resize="1280x960")
    assert "tokens" not in train(past, policy="diffusion") and "pictures" not in train(past, policy="smolvla")
    assert "pictures 640x480 resized to 320x240" in train(past, policy="diffusion", resize="320x240")


def test_a_training_says_its_epochs_its_time_at_the_pace_of_a_like_run_and_its_disk():
    told = train(Past((PICK,), (trained(),), 3_000_000_000))
    assert "≈ 330 batches each: 20,000 steps are 60.6 epochs" in told
    assert "time ≈ 5 h 00 m at 0.9 s a step as in act_v2" in told
    assert "⚠ disk: 5 checkpoints of 865 MB as in act_v2: 4.3 GB; 3.0 GB free" in told
    assert "not known: the log has no run of diffusion yet" in train(Past((PICK,), (trained(),)), policy="diffusion")


def test_the_like_run_is_of_this_batch_before_this_dataset_before_the_newest():
    runs = [trained("newest", batch=4, dataset="x"), trained("batch", dataset="x"), trained("both"), trained("older")]
    found = training.like_run(runs, policy="act", dataset="pick_place", batch_size=8)
    assert found is not None and found.name == "both" and found.same
    assert training.like_run(runs, policy="pi0", dataset="pick_place", batch_size=8) is None
    assert training.like_run([trained(seconds=0.0)], policy="act", dataset="x", batch_size=8) is None, "it has no pace"
    small = trained("small", resize=(320, 240), dataset="x")
    near = training.like_run([*runs, small], policy="act", dataset="pick_place", batch_size=8, resize=(320, 240))
    assert near is not None and (near.name, near.same) == ("small", False), "a step of smaller pictures is shorter"
    assert "as in both (not resized" in train(Past((PICK,), (trained("both"),)), resize="320x240")
    assert [training.checkpoints(10, every) for every in (0, 3, 5, 20)] == [1, 4, 2, 1]


def test_an_evaluation_says_how_long_it_takes_and_how_the_checkpoint_was_judged():
    told = lines([evaluate_section(sim_profile(), Evaluation(CUBE, 10, 15.0, "you (keys)"))])
    assert "10 x 15 s = 2 m 30 s at most; 3 m 00 s at the bench with resets" in told and "you (keys)" in told
    verdicts = (Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID, None)
    trials = tuple(Trial(index=n, verdict=verdict) for n, verdict in enumerate(verdicts, 1))
    run = facts.session("20260211-140000-cccc", kind=SessionKind.EVAL, trials=trials)
    assert evaluation.judged([run], Path(facts.CHECKPOINT)) == evaluation.Judged(1, 1)
    assert evaluation.judged([run], Path("/elsewhere")).trials == 0


# -- lines, entries, checks --------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 38, 60, 100])
def test_no_line_is_wider_than_its_place(width: int):
    sections = [
        Section("a title that is long", (Fact("label", "words " * 30), Fact("", "⚠ " + "word " * 20))),
        Section("b", ()),
    ]
    assert all(line.cell_length <= width for line in section_lines(sections, width))
    two = side_by_side([*sections, Section("right", (Fact("x", "y " * 40),))], width * 2)
    assert all(line.cell_length <= width * 2 for line in two) and "right" in two[0].plain


def test_an_empty_field_means_its_default_and_what_is_no_number_is_refused_or_counts_as_none():
    fields = (Field("steps", "steps", kind=FieldKind.WHOLE), Field("s", "seconds", kind=FieldKind.NUMBER))
    entries = Entries(fields, {"steps": " ", "s": "7,5"}, {"steps": "20", "s": "1"})
    assert (entries["steps"], entries.whole("steps"), entries.number("s")) == ("20", 20, 7.5)
    for text in ("many", "1.5", "9" * 5000, "1e400", "nan"):
        wrong = Entries(fields, {"steps": text, "s": text}, {})
        with pytest.raises(Refusal):
            wrong.whole("steps")
        assert wrong.about("steps") == 0 and wrong.about("s") in (0, 1.5)


def test_checks_raise_the_first_refusal_or_collect_one_for_each_argument():
    with pytest.raises(Refusal, match="steps") as refused:
        Checks().run("steps", check_number, "steps", 0, 1)
    assert refused.value.argument == "steps"
    checks = Checks(collect=True)
    for name in ("a", "b", "a"):
        assert checks.run(name, check_number, name, -1, 0) is None
    assert checks.run("c", int, "3") == 3 and list(checks.refused) == ["a", "b"]
