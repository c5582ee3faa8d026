"""The opened session: its notes, its episodes' marks, links to other sessions, copies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from screens.frame.dialogs import Question, TextEntry
from screens.log.chooser import Chooser
from screens.log.entries import NoteEditor
from services.datasets.marks import Mark, read_marks, write_mark
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import read_events
from services.log.copies import OTHER_SETTINGS, copies
from services.log.kinship.links import origins, results
from sessions.bench import Motion
from sessions.document import Session
from sessions.models import Episode, NoteKind, SessionKind
from tests.support import facts
from tests.support.runs import ended, saved, session_id, started, write_run

OUTPUT = "/data/outputs/train/act_v2"
CHECKPOINT = f"{OUTPUT}/checkpoints/020000/pretrained_model"
HOUR = 3600.0


def an_episode(index: int) -> Episode:
    return Episode(index=index, take=index + 1, frames=200, seconds=6.7)


def of(number: int, kind: SessionKind = SessionKind.RECORD, **more: Any) -> Session:
    at = facts.BEGAN + number * HOUR
    return facts.session(session_id(number), kind=kind, at=at, ended=at + 60, **more)


def saved_checkpoint() -> ev.CheckpointSaved:
    return ev.CheckpointSaved(step=20_000, path=CHECKPOINT.removesuffix("/pretrained_model"), bytes=1, seconds=1.0)


FIRST = of(1, dataset="cubes", episodes=(an_episode(0),))
SECOND = of(2, dataset="cubes", episodes=(an_episode(1),))
OTHER = of(3, dataset="other", episodes=(an_episode(0),))
TRAINED = of(
    4, SessionKind.TRAIN, dataset="cubes", training=facts.training(output_dir=OUTPUT, checkpoints=(saved_checkpoint(),))
)
TRIED = of(5, SessionKind.EVAL, checkpoint=CHECKPOINT, dataset="rollout_a", trained_in=TRAINED.id)
MOVED = of(6, SessionKind.EVAL, checkpoint=CHECKPOINT, dataset="rollout_b")
FOREIGN = of(7, SessionKind.EVAL, checkpoint="/elsewhere/policy", dataset="rollout_c")
TUNED = of(8, SessionKind.TRAIN, dataset="elsewhere", policy=CHECKPOINT)
LOG = [TUNED, FOREIGN, MOVED, TRIED, TRAINED, OTHER, SECOND, FIRST]


def ids(relations: Any) -> list[str]:
    return [relation.session.id[-4:] if relation.session else relation.what for relation in relations]


def test_links_lead_from_the_data_to_the_policy_to_its_trials_and_back() -> None:
    assert ids(results(FIRST, LOG)) == ids(results(SECOND, LOG)) == ["0004"]
    assert ids(origins(TRAINED, LOG)) == ["0002", "0001"]
    assert ids(results(TRAINED, LOG)) == ["0006", "0005", "0008"]
    assert ids(origins(TRIED, LOG)) == ids(origins(MOVED, LOG)) == ["0004"], "by session, else by its folder"
    assert origins(FIRST, LOG) == [] == results(OTHER, LOG)


def test_ends_that_this_log_does_not_have_are_said() -> None:
    assert "no training of this log made" in ids(origins(FOREIGN, LOG))[0]
    assert ids(origins(TUNED, LOG)) == [
        "no session of this log recorded dataset elsewhere: it came from elsewhere", "0004",
    ]  # fmt: skip
    assert "session 20260217-142004-0004, which this log does not have" in ids(origins(TRIED, [TRIED]))[0]


def test_what_is_copied_is_harmless_and_repeats_the_session() -> None:
    found = {copy.what: copy.text for copy in copies(TRAINED, {})}
    assert found["session id"] == TRAINED.id and found["checkpoint path"] == CHECKPOINT
    assert found["command that repeats it"].startswith("lab-console --data-dir /data train --dataset cubes ")
    evil = of(9, task="two words; rm -rf /\x1b]52;c;eHg=\x07", dataset="cubes", operator="tg")
    profile = evil.started.profile
    command = {copy.what: copy.text for copy in copies(evil, {evil.bench: profile})}["command that repeats it"]
    assert "'two words; rm -rf /'" in command and "\x1b" not in command and "--resume" in command
    faster = msgspec.structs.replace(profile, motion=Motion(max_joint_speed=200.0))
    other = [copy.what for copy in copies(evil, {evil.bench: faster})]
    assert OTHER_SETTINGS in other and "command that repeats it" not in other, "it would move under other limits"
    assert not any("command" in copy.what for copy in copies(TRIED, {})), "people judge on the screen"


# --- on the screen --------------------------------------------------------------------------------


@pytest.fixture
def folder_of(tmp_path: Any) -> Any:
    def make(folder: DataFolder) -> None:
        data = str(folder.root)
        write_run(
            folder, session_id(1), started(session_id(1), data_dir=data), saved(0, flags=("wrist black",)), saved(1),
            ev.NoteAdded(text="lamp off", author="anna"), ended(),
        )  # fmt: skip
        (folder.datasets / "cubes").mkdir()
        write_mark(folder.datasets / "cubes", 1, Mark(session=session_id(1), take=2))
        begun = ev.TrainingStarted(
            policy="act", output_dir=f"{data}/outputs/train/act", steps=10, batch_size=8, device="cpu", parameters=1,
            episodes=(0, 1), episodes_total=2, frames=400,
        )  # fmt: skip
        trains = started(session_id(2), kind=SessionKind.TRAIN, data_dir=data, at=facts.BEGAN + HOUR)
        write_run(folder, session_id(2), trains, begun, ended())

    return make


async def test_an_opened_recording_is_marked_annotated_followed_and_copied(open_console: Any, folder_of: Any) -> None:
    async with open_console() as console:
        folder_of(console.folder)
        root, run = console.folder.datasets / "cubes", console.folder.run(session_id(1))
        await console.press("f7")
        await console.until(lambda: console.screen.chosen is not None)
        await console.press("down", "enter")
        await console.sees("2 episodes")
        # a flagged episode offers its flag as the reason
        await console.press("r")
        assert isinstance(console.app.screen, TextEntry)
        await console.press("enter")
        await console.sees("✗ rejected")
        await console.until(lambda: read_marks(root)[0].why == "wrist black")
        await console.until(lambda: "r accept" in console.keys)
        await console.press("down", "r", *"a hand", "enter")
        await console.sees("a hand (")
        mark = read_events(run.events)[-1]
        assert isinstance(mark, ev.EpisodeMarked) and (mark.index, mark.accepted, mark.why) == (1, False, "a hand")
        assert read_marks(root)[1].accepted is False
        # a note that is there is edited; Esc asks before it loses what was typed
        await console.press("n")
        assert isinstance(console.app.screen, Chooser)
        await console.press("2")
        assert isinstance(console.app.screen, NoteEditor) and console.app.screen.text == "lamp off"
        await console.press("enter", "x", "escape")
        assert isinstance(console.app.screen, Question)
        await console.press("escape")
        assert isinstance(console.app.screen, NoteEditor) and console.app.screen.text == "lamp off\nx"
        await console.press("tab", "ctrl+s")
        await console.sees("edited")
        edit = read_events(run.events)[-1]
        assert isinstance(edit, ev.NoteEdited) and (edit.note, edit.text) == (1, "lamp off\nx")
        assert edit.kind is NoteKind.HYPOTHESIS
        await console.sees("possible cause")
        # the kind alone is changed, and a lesson is a note of its own
        await console.press("n", "2", "tab", "tab", "tab", "escape")
        await console.until(lambda: not isinstance(console.app.screen, NoteEditor), "nothing was changed")
        await console.press("n", "1", *"dim it", "tab", "tab", "ctrl+s")
        await console.sees("lesson: dim it")
        added = read_events(run.events)[-1]
        assert isinstance(added, ev.NoteAdded) and added.kind is NoteKind.LESSON
        # links, and the way back
        await console.press("right")
        await console.until(lambda: console.screen.chosen.id == session_id(2))
        await console.until(lambda: "backspace back" in console.keys)
        await console.press("left")
        await console.until(lambda: console.screen.chosen.id == session_id(1))
        await console.press("left")
        await console.sees("it came from no other session")
        await console.press("backspace", "backspace")
        await console.until(lambda: console.screen.chosen.id == session_id(1) and console.screen.opened)
        # copies
        await console.press("y", "2")
        assert console.app.clipboard == str(root)
        await console.sees("copied the dataset path, if the terminal allows it")


async def test_a_mark_is_refused_where_the_dataset_is_gone(open_console: Any, folder_of: Any) -> None:
    async with open_console(size=(80, 24)) as console:
        folder_of(console.folder)
        for path in (console.folder.datasets / "cubes").iterdir():
            path.unlink()
        (console.folder.datasets / "cubes").rmdir()
        await console.press("f7")
        await console.until(lambda: console.screen.chosen is not None)
        await console.press("down", "enter", "r", "enter")
        await console.sees("there is no dataset at")
        assert not [e for e in read_events(console.folder.run(session_id(1)).events) if isinstance(e, ev.EpisodeMarked)]


async def test_the_filter_says_what_is_wrong_while_it_is_typed(open_console: Any, folder_of: Any) -> None:
    async with open_console(size=(80, 24)) as console:
        folder_of(console.folder)
        await console.press("f7")
        await console.until(lambda: console.screen.chosen is not None)
        panel = console.screen.query_one("#list")
        assert panel.region.right <= 80, "its right edge is on the screen"
        await console.press("slash", *"kind:tra")
        await console.sees("1 of 2 sessions")
        await console.press(*"x")
        await console.sees("no kind is 'trax'")
        await console.sees("Esc clears it")
        await console.press("escape")
        await console.until(lambda: not console.screen.focus_chain and "filter" in console.keys)
        assert len(console.screen.query_one("#rows").lines) == 2
        await console.press("O")
        await console.sees("kind▲")
