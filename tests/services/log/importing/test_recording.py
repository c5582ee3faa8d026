"""Recordings of an import file: every fact that a bench wrote down of its six datasets is in the log and shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from console.__main__ import main
from services.folders import DataFolder
from services.log import logbook
from services.log.headline import counts
from services.log.importing import adding, history
from services.log.importing.file import read
from services.log.kinship.life import grown
from services.log.kinship.links import origins, results
from services.log.listing import as_json
from services.refusal import Refusal
from sessions.document import Session
from sessions.models import NoteKind, SessionKind
from sessions.recorded import RecordedRecording
from tests.services.log.importing.test_file import HISTORY, SMALLEST, text_of

TASK = "Pick up the cube and place it in the bowl"
KEYS = ("A", "B", "C", "D", "Dw", "E")
WRIST, OVERHEAD = ("wrist", "RealSense D405", 640, 480), ("overhead", "", 640, 480)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, ...]:
    folder = DataFolder(tmp_path_factory.mktemp("lab")).create()
    adding.add(folder, history.imports(read(HISTORY)))
    return logbook.sessions(folder).sessions


@pytest.fixture(scope="module")
def recordings(log: tuple[Session, ...]) -> Mapping[str, Session]:
    return {s.started.import_key.split()[0]: s for s in log if s.kind is SessionKind.RECORD}


def known(session: Session) -> RecordedRecording:
    assert session.started.recording is not None
    return session.started.recording


def test_every_dataset_has_its_name_its_numbers_and_its_cameras(recordings: Mapping[str, Session]) -> None:
    told = {
        key: (s.dataset, known(s).recorded, s.accepted, s.rejected, known(s).frames, s.request.fps)
        for key, s in recordings.items()
    }
    assert told == {
        "A": ("so101_pick_place_smolvla_v3", 50, 50, 0, 14_839, 30),
        "B": ("so101_pick_place_10cm_v1", 80, 75, 5, 22_458, 30),
        "C": ("so101_pick_place_10cm_v2", 87, 81, 6, 24_252, 30),
        "D": ("so101_pick_place_10cm_v3", 80, 75, 5, 22_436, 30),
        "Dw": ("so101_pick_place_10cm_v3_wrist", None, 75, 0, 22_436, 30),
        "E": ("so101_pick_place_demo", 37, 37, 0, 11_100, 30),
    }
    cameras = {k: [(c.name, c.model, c.width, c.height) for c in known(s).cameras or ()] for k, s in recordings.items()}
    assert cameras == {
        "A": [("wrist", "UVC", 640, 480), OVERHEAD], "B": [WRIST, OVERHEAD], "C": [WRIST, OVERHEAD],
        "D": [WRIST, ("overhead", "Logitech C920", 640, 480)], "Dw": [WRIST],
        "E": [("wrist", "", 640, 480), OVERHEAD],
    }  # fmt: skip
    assert {key: s.task for key, s in recordings.items() if s.task} == dict.fromkeys(("A", "B", "C", "D", "Dw"), TASK)
    ranges = {key: known(s).range_cm for key, s in recordings.items() if known(s).range_cm}
    assert ranges == {"A": (30, 30), "B": (10, 10), "C": (10, 10), "D": (10, 10)}
    assert [known(recordings[key]).home["shoulder_lift"] for key in "ABCD"] == [-104.66] * 4
    assert all(s.started_utc == "" and s.operator == "" and not s.episodes for s in recordings.values())


def test_what_was_removed_changed_and_went_wrong_is_kept_in_fields_of_its_own(
    recordings: Mapping[str, Session],
) -> None:
    a, b, c, d, dw, e = (known(recordings[key]) for key in KEYS)
    assert [(r.episodes, r.because) for r in b.removed] == [((11, 26, 49, 74, 76), "failed grasps")]
    assert [(r.number, r.episodes, r.because) for r in c.removed] == [(6, (), "jerky movements")]
    assert [r.episodes for r in d.removed] == [(3, 17, 18, 26, 45)] and not a.removed and not e.removed
    assert [(s.episodes, s.resumed, s.what) for s in b.parts] == [
        (50, False, ""),
        (30, True, "varied cube rotation"),
    ]
    assert [(each.light, each.episodes, each.about) for each in c.lighting] == [("night", 47, True), ("day", 34, True)]
    assert [(each.what, each.was, each.now) for each in b.changes] == [("wrist camera", "UVC", "RealSense D405")]
    assert [each.what for each in c.changes] == ["gripper", "calibration"] and "invalid" in c.changes[1].because
    assert [each.now for each in d.changes] == ["a new C920"]
    overhead = (c.cameras or ())[1]
    assert (overhead.fault, overhead.fault_from, overhead.left_out_later) == ("black", 71, True)
    assert [(t.episode, t.found) for t in c.troubles] == [(71, "after training")]
    assert c.strategies[0].startswith("tilt trick") and d.strategies == ("wrist roll alignment only",)
    assert (dw.copy_of, dw.copy_without) == ("so101_pick_place_10cm_v3", ("overhead",))
    assert recordings["E"].target == 20 and e.troubles[1].every == (4, 7) and "resume" in e.troubles[0].what
    assert c.repo_id == "gtgando/so101_pick_place_10cm_v2"
    kinds = [(key, note.kind) for key, s in recordings.items() for note in s.notes]
    assert sorted(kinds) == [("A", NoteKind.HYPOTHESIS), ("C", NoteKind.HYPOTHESIS), ("C", NoteKind.LESSON)]


def test_the_pages_tell_it_and_what_is_not_recorded(recordings: Mapping[str, Session]) -> None:
    shown = {key: text_of(session) for key, session in recordings.items()}
    assert "episodes: 81 of 87 kept\nframes: 24,252, 298 to 300 in each episode\nrate: 30 Hz" in shown["C"]
    assert "camera: overhead, 640x480, black from episode 71, left out of trainings" in shown["C"]
    assert "lighting: about 47 night, about 34 day" in shown["C"] and "removed: 6 episodes, jerky" in shown["C"]
    assert "lesson: grasp strategy" in shown["C"] and "possible cause: inconsistent demonstrations" in shown["C"]
    assert (
        "removed: episodes 11, 26, 49, 74, 76, failed grasps" in shown["B"] and "2: 30 episodes, resumed" in shown["B"]
    )
    assert "episodes: 37 of 37 kept, 20 were wanted" in shown["E"] and "task: not recorded" in shown["E"]
    assert "copy of: so101_pick_place_10cm_v3, without overhead" in shown["Dw"]
    assert all("1970" not in text and "0 rejected" not in text for text in shown.values())
    assert [counts(recordings[key]) for key in KEYS] == [
        "50 of 50 kept", "75 of 80 kept", "81 of 87 kept", "75 of 80 kept", "75 kept", "37 of 37 kept"
    ]  # fmt: skip


def test_a_recording_leads_to_its_trainings_and_they_to_their_evaluations(
    log: tuple[Session, ...], recordings: Mapping[str, Session]
) -> None:
    (learnt,) = results(recordings["C"], log)
    assert learnt.session is not None and learnt.session.started.import_key == "C1"
    assert [link.session for link in origins(learnt.session, log)] == [recordings["C"]]
    tried = [link.session for link in results(learnt.session, log) if link.session]
    assert sorted(s.started.import_key for s in tried) == ["C1 first", "C1 second", "C1 third"]
    (tree,) = grown(log, recordings["C"].dataset, "here")
    assert [node.name for node in tree.children] == [
        "recorded, imported as C recorded", "smolvla_so101_10cm_v2_wrist"
    ]  # fmt: skip
    assert as_json([recordings["C"]], log)[0]["accepted"] == 81
    assert [link.session for link in origins(recordings["Dw"], log)] == [recordings["D"]]
    of_d = {link.session.started.import_key: link.what for link in results(recordings["D"], log) if link.session}
    assert set(of_d) == {"D1", "D2", "D3", "Dw copied"} and of_d["Dw copied"].startswith("copied as so101")


def test_the_evaluations_of_the_report_have_its_words(log: tuple[Session, ...]) -> None:
    tried = {s.started.import_key: s for s in log if s.kind is SessionKind.EVAL}
    assert {tried[f"C1 {which}"].task for which in ("first", "second", "third")} == {f"{TASK} (10cm range)"}
    where = "smolvla_so101_10cm_v2_wrist/checkpoints/020000/pretrained_model"
    assert tried["C1 first"].checkpoint.endswith(where)
    flags = [s.started.recorded.flags for key, s in sorted(tried.items()) if key[:3] == "C1 " and s.started.recorded]
    assert flags == ["--no-overhead", "--no-overhead --direct-reset", "--no-overhead --direct-reset"]
    assert "failures: sometimes grasps air, missing the cube entirely" in text_of(tried["C1 third"])


def test_what_went_wrong_at_the_bench_is_a_session_of_its_own(log: tuple[Session, ...]) -> None:
    (bench,) = (s for s in log if s.kind is SessionKind.BENCH)
    told = bench.started.at_bench
    assert told is not None and len(told.troubles) == 11 and told.home["elbow_flex"] == 96.09
    assert (told.troubles[0].found, told.troubles[4].every) == ("by lsusb -t", (4, 7))
    shown = text_of(bench)
    assert (
        "bench: SO-101\n" in shown and "trouble: the D405 ran on a USB 2 port (480 Mb/s) for weeks, found by" in shown
    )
    assert "trouble: brown-out: a camera died after four days, two cameras, a servo" in shown
    lessons = {s.started.import_key: n.text for s in log for n in s.notes if n.kind is NoteKind.LESSON}
    assert set(lessons) == {"C recorded", "B2", "D4"} and "44 % of the time" in lessons["D4"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("recorded = 3\nremoved = [{ count = 1 }]", "removed: 1 episode cannot have been removed: 3 of 3 were"),
        ("removed = [{ episodes = [1], count = 1 }]", "give episodes, the numbers of those removed, or count"),
        ("removed = [{ episodes = [2, 2] }]", "removed[0]: episode 2 is named twice"),
        ("removed = [{ numbers = [2] }]", "removed[0]: 'numbers' is not known"),
        ("recorded = 2", "recorded: 3 episodes were kept of 2: that is more than there were"),
        ('cameras = [{ name = "wirst" }]', "cameras: dataset A has no camera 'wirst'; did you mean wrist?"),
        ('cameras = [{ name = "wrist", fault_from = 1 }]', "fault_from needs fault"),
        (
            'recorded = 9\ncameras = [{ name = "wrist", fault = "black", fault_from = 71 }]',
            "there was no episode 71: 9",
        ),
        (
            'recorded = 3\nlighting = [{ light = "day", episodes = 4 }]',
            "lighting: they add up to 4 episodes, but 3 were",
        ),
        ("recorded = 3\nparts = [{ episodes = 4 }]", "parts: they add up to 4 episodes, but 3 were recorded"),
        ('copy_of = "B"', "copy_of: there is no [[dataset]] with key 'B'"),
        ('copy_of = "A"', "a dataset is no copy of itself"),
        ('copy_without = ["wrist"]', "copy_without needs copy_of"),
        ("home = { wrist_roll = nan }", "home: wrist_roll is nan: write degrees"),
        ("episode_frames = [300, 298]", "episode_frames is one number, or the least and the most"),
        ('troubles = [{ what = "x", every = [7, 4] }]', "every is how many episodes lie between"),
        ("range_cm = [10]", "range_cm"),
    ],
)
def test_what_is_wrong_with_a_recording_is_said_with_line_table_and_key(tmp_path: Path, wrong: str, said: str) -> None:
    file = tmp_path / "h.toml"
    file.write_text(f'{SMALLEST}[[recording]]\nkey = "R1"\ndataset = "A"\n{wrong}\n')
    with pytest.raises(Refusal) as refused:
        read(file)
    assert said in str(refused.value) and "h.toml line " in str(refused.value) and "recording R1" in str(refused.value)


def test_a_note_that_is_a_lesson_by_now_becomes_one_unless_a_person_edited_it(tmp_path: Path) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab").create()
    head = f'{SMALLEST}[[recording]]\nkey = "R1"\ndataset = "A"\n'

    def told(remarks: str) -> list[tuple[str, NoteKind]]:
        file.write_text(head + remarks)
        adding.add(folder, history.imports(read(file)))
        (session,) = (s for s in logbook.sessions(folder).sessions if s.kind is SessionKind.RECORD)
        return [(note.text, note.kind) for note in session.notes]

    assert told('notes = ["never nudge"]') == [("never nudge", NoteKind.NOTE)]
    for _ in range(2):
        assert told('lessons = ["never nudge"]') == [("never nudge", NoteKind.LESSON)]
    (session,) = (s for s in logbook.sessions(folder).sessions if s.kind is SessionKind.RECORD)
    assert session.notes[0].edits == 1, "importing it again edits nothing"
    logbook.edit_note(folder, session.id, 1, "nudge if needed", "anna")
    assert told('hypotheses = ["never nudge"]') == [("nudge if needed", NoteKind.LESSON)]


def test_a_second_recording_of_a_dataset_has_only_its_own_numbers_and_texts_are_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    second = '[[recording]]\nkey = "R2"\ndataset = "A"\nstrategies = ["[b]x[/]\\u001b[2J"]\n'
    file.write_text(f'{SMALLEST}[[recording]]\nkey = "R1"\ndataset = "A"\nepisodes = 2\n{second}')
    assert main(["--data-dir", str(folder.root), "import", str(file)]) == 0
    found = {s.started.import_key: s for s in logbook.sessions(folder).sessions}
    assert (known(found["R1"]).kept, known(found["R2"]).kept) == (2, None)
    assert known(found["R2"]).strategies == ("[b]x[/]",) and counts(found["R2"]) == ""
    assert "episodes: not recorded" in text_of(found["R2"]) and "\x1b" not in capsys.readouterr().out
