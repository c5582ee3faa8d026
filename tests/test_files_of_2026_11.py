"""Files that the console wrote in November 2026, before its rebuild, open with the same content.

`files_of_2026_11/README.md` says how they were made. What is new in an answer is allowed, what was in it must be there.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import shutil
import struct
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.__main__ import main
from screens.views.log_rows import log_rows
from screens.views.session_page import session_page
from services.bench.profiles import load_benches
from services.checkpoints import checkpoint as checkpoints
from services.datasets.marks import read_marks, write_mark
from services.datasets.summary import summarize
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import EventLog, read_events
from services.live.requests import Purpose, read_request
from services.live.snapshots import Snapshot, replay
from services.log import logbook, marking, scribe
from services.log.headline import headline
from services.training.curves import Curves, Metric
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.store import SessionStore
from sessions.times import utc as utc_of

FILES = Path(__file__).with_name("files_of_2026_11")
EXPECTED: dict[str, dict[str, Any]] = json.loads((FILES / "expected.json").read_bytes())
STORED: dict[str, Any] = json.loads((FILES / "lab" / "sessions.json").read_bytes())["sessions"]
RUNS = sorted(EXPECTED["snapshots"])
OPEN = RUNS[-1]
"""Its worker was still recording when the files were copied."""
WIDTH = 114
ROOM = 400
LATER = date(2027, 1, 1)
"""When rows of 2026 name their year."""
"""A row of the old Log ran beyond the edge of the terminal, today's ends where its room does."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A copy of the data folder, in which the files that were left out have stand-ins."""
    lab = tmp_path / "lab"
    shutil.copytree(FILES / "lab", lab)
    for name, tensors in json.loads((FILES / "left_out.json").read_bytes()).items():
        stand_in(lab / name, tensors)
    return DataFolder(lab)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone in which the old screens told the time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def stand_in(path: Path, tensors: dict[str, list[int]]) -> None:
    """Tensors of these shapes, all of them zero, or an empty object."""
    if path.suffix != ".safetensors":
        path.write_text("{}")
        return
    header: dict[str, Any] = {}
    end = 0
    for name, shape in tensors.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def plain(value: object) -> Any:
    """As JSON has it; dataclasses of properties with what these say."""
    if isinstance(value, Snapshot):
        named = {name: getattr(value, name) for name in ("status", "end_reason", "ended_at")}
        return as_then(json.loads(msgspec.json.encode(value, enc_hook=str)) | plain(named))
    return json.loads(msgspec.json.encode(value, enc_hook=str))


# -- where a value that was copied then is kept now -----------------------------------------------------------

REQUESTS = {"dataset": "dataset", "task": "task", "checkpoint": "checkpoint", "trained_in": "trained_in"}
REQUESTS |= {"episode_seconds": "episode_seconds", "reset_seconds": "reset_seconds", "trial_seconds": "trial_seconds"}
REQUESTS |= {"fps": "fps", "purpose": "purpose", "profile": "profile", "operator": "operator"}
BLANK = {"fps": 30, "profile": {}, "episode_seconds": 0.0, "reset_seconds": 0.0, "trial_seconds": 0.0}
CONFIGS = {
    "record": {"resume": "resume", "seed": "seed", "lockstep": "lockstep", "dataset": "settings"},
    "eval": {"judge": "judge", "seed": "seed", "lockstep": "lockstep"},
    "bench": {"rescue": "rescue"},
    "train": {
        name: name
        for name in ["policy", "name", "steps", "batch_size", "log_freq", "save_freq", "exclude_cameras", "settings"]
    },
}


def as_then(new: Any) -> Any:
    """Plain values of today, and in them those of then, each taken from the one place where it stands today."""
    if isinstance(new, list):
        return [as_then(value) for value in new]
    if not isinstance(new, dict):
        return new
    then = {key: as_then(value) for key, value in new.items()}
    if new.get("type") == "SessionStarted":
        then |= started_then(new)
    elif new.get("type") == "CheckpointSaved":
        then["at_utc"] = utc_of(new["at"])
    elif "phase" in new and "repairs" in new:
        then["recovered"] = "".join(repair["summary"] for repair in new["repairs"][-1:])
    elif (new.get("started") or {}).get("type") == "TrainingStarted":
        then |= training_then(new)
    elif (new.get("started") or {}).get("type") == "SessionStarted" and "phase" not in new:
        then |= document_then(new)
    return then


def started_then(new: dict[str, Any]) -> dict[str, Any]:
    request = new["request"]
    kind, profile = request["type"], request.get("profile") or {}
    then = {old: request.get(name, BLANK.get(old, "")) for old, name in REQUESTS.items()}
    then |= {"kind": kind, "bench": profile.get("name", ""), "simulated": profile.get("sim") is not None}
    then["dataset_root"] = f"{request['data_dir']}/datasets/{request['dataset']}" if "dataset" in request else ""
    then["target_episodes"] = request.get("episodes", 0)
    then["target_trials"] = request.get("trials", 0)
    then["config"] = {old: request[name] for old, name in CONFIGS[kind].items()}
    return then


def training_then(new: dict[str, Any]) -> dict[str, Any]:
    """Of the document and of the snapshot: one said `steps` for what was done, the other `step`."""
    begun, progress = new["started"], new["progress"] or {}
    done = {"step": 0, "samples": 0, "epochs": 0.0, "points": 0, "metrics": {}} | progress
    facts = {key: value for key, value in begun.items() if key not in ("type", "seq", "at")}
    then = facts | {key: done[key] for key in ("step", "samples", "epochs", "points", "metrics")}
    then["progressed_at"] = progress.get("at", begun["at"])
    return then | {"steps": done["step"], "total_steps": begun["steps"], "final_loss": done["metrics"].get("loss")}


def document_then(new: dict[str, Any]) -> dict[str, Any]:
    begun, over = new["started"], new["ended"] or {"status": "running", "reason": "", "at": 0}
    then = started_then(begun) | {key: begun[key] for key in ("id", "host", "versions", "git_commit")}
    then |= {"status": over["status"], "end_reason": over["reason"], "started_utc": utc_of(begun["at"])}
    return then | {"ended_utc": utc_of(over["at"]) if over["at"] else None}


def assert_kept(old: Any, new: Any, where: str = "") -> None:
    """Everything in `old` stands in `new` with its value; `new` may know more."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            assert key in new, f"{where}: {key} is gone"
            assert_kept(value, new[key], f"{where}.{key}")
    elif isinstance(old, list) and isinstance(new, list):
        assert len(old) == len(new), f"{where}: {len(new)} instead of {len(old)}"
        for at, (before, after) in enumerate(zip(old, new, strict=True)):
            assert_kept(before, after, f"{where}[{at}]")
    else:
        assert old == new, where


def lines(run: str) -> list[dict[str, Any]]:
    """The run's events as they stand in its file."""
    return [json.loads(line) for line in (FILES / "lab" / "runs" / run / "events.jsonl").read_bytes().splitlines()]


def with_events(expected: Any, run: str) -> Any:
    """`expected` with each `{"event": seq}` replaced by that event."""
    if isinstance(expected, dict):
        if set(expected) == {"event"}:
            return next(event for event in lines(run) if event["seq"] == expected["event"])
        return {key: with_events(value, run) for key, value in expected.items()}
    return [with_events(value, run) for value in expected] if isinstance(expected, list) else expected


# -- runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
def test_every_event_is_understood_and_keeps_what_it_says(run: str) -> None:
    read = read_events(FILES / "lab" / "runs" / run / "events.jsonl")
    assert not [event for event in read if isinstance(event, ev.UnknownEvent)]
    assert_kept(lines(run), [as_then(json.loads(ev.encode(event))) for event in read], run)


@pytest.mark.parametrize("run", RUNS)
def test_the_events_come_to_the_same_state(run: str) -> None:
    state = replay(read_events(FILES / "lab" / "runs" / run / "events.jsonl"))
    assert_kept(with_events(EXPECTED["snapshots"][run], run), plain(state), run)


def test_a_session_that_was_ending_is_known_to_end() -> None:
    ending = 0
    for run in RUNS:
        read = read_events(FILES / "lab" / "runs" / run / "events.jsonl")
        for index, event in enumerate(read, start=1):
            if isinstance(event, ev.PhaseChanged) and event.detail == "ending the sitting":
                assert replay(read[:index]).ending, event
                ending += 1
    assert ending


def test_there_is_a_file_of_every_kind() -> None:
    """What the other tests open is worth opening."""
    starts = [lines(run)[0] for run in RUNS]
    assert {start["kind"] for start in starts} == {"record", "train", "eval", "bench"}
    assert {start["purpose"] for start in starts if start["kind"] == "bench"} == {"teleoperate", "hold", "rest"}
    assert {document["status"] for document in STORED.values()} == {"running", "finished", "aborted", "crashed"}
    assert len({event["type"] for run in RUNS for event in lines(run)}) == 25, "every event but AlarmCleared"


@pytest.mark.parametrize("path", sorted(FILES.glob("lab/runs/*/request.json")), ids=lambda path: path.parent.name)
def test_a_request_is_read_whole(path: Path) -> None:
    request = read_request(DataFolder(FILES / "lab").run(path.parent.name))
    assert_kept(json.loads(path.read_bytes()), plain(request), path.parent.name)


@pytest.mark.parametrize("run", sorted(EXPECTED["curves"]))
def test_the_metrics_come_to_the_same_curves(run: str) -> None:
    curves = Curves(FILES / "lab" / "runs" / run / "metrics.jsonl")
    curves.read()
    marks = [plain(mark) for metric in Metric for mark in curves.marks(metric)]
    new = {"steps": curves.steps.tolist(), "last": plain(curves.reading(-1)), "marks": marks}
    assert_kept(EXPECTED["curves"][run], new, run)


# -- the log ------------------------------------------------------------------------------------------------


def printed(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `lab-console sessions --json` prints, by session."""
    assert main(["--data-dir", str(folder.root), "sessions", "--json"]) == 0
    out, err = capsys.readouterr()
    assert not err
    return {session["id"]: as_then(session) for session in json.loads(out)}


@pytest.mark.parametrize("kept", ["sessions.json and runs", "runs alone"])
def test_the_log_prints_the_same_sessions(folder: DataFolder, kept: str, capsys: pytest.CaptureFixture[str]) -> None:
    if kept == "runs alone":
        folder.sessions_file.unlink()
    new = printed(folder, capsys)
    assert sorted(new) == RUNS
    for run in RUNS:
        assert_kept(STORED[run] | EXPECTED["printed"][run], new[run], run)


def test_sessions_whose_runs_are_gone_are_still_listed(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder.runs)
    assert_kept(STORED, printed(folder, capsys))


def test_what_the_old_documents_did_not_keep_comes_from_the_events(folder: DataFolder) -> None:
    for run, mark in json.loads(folder.sessions_file.read_bytes())["folded"].items():
        os.utime(folder.run(run).events, ns=(mark["mtime_ns"], mark["mtime_ns"]))
    begun = {run: lines(run)[0] for run in RUNS}
    sessions = listed(folder)
    asked = {run: session.request.purpose for run, session in sessions.items() if session.kind is SessionKind.BENCH}
    assert asked == {run: start["purpose"] for run, start in begun.items() if start["kind"] == "bench"}
    lost = {run for run in RUNS if any(event["type"] == "TakeLost" for event in lines(run))}
    assert lost and {run for run, session in sessions.items() if session.lost} == lost
    loaded = {run for run in RUNS if any(event["type"] == "PolicyLoaded" for event in lines(run))}
    assert loaded and {run for run, session in sessions.items() if session.policy} == loaded


def test_nobody_says_a_purpose_that_was_not_kept(folder: DataFolder) -> None:
    shutil.rmtree(folder.runs)
    benched = [session for session in listed(folder).values() if session.kind is SessionKind.BENCH]
    assert benched and {session.request.purpose for session in benched} == {Purpose.UNKNOWN}


def test_the_log_of_that_version_is_kept_beside_the_new_one(folder: DataFolder) -> None:
    logbook.sessions(folder)
    logbook.sessions(folder)
    assert json.loads(folder.sessions_file.read_bytes())["schema"] == {"1": {"version": 2}}
    (kept,) = folder.root.glob("sessions.json.schema-*")
    assert kept.name.startswith("sessions.json.schema-1-20")
    assert kept.read_bytes() == (FILES / "lab" / "sessions.json").read_bytes()


def test_a_rebuild_from_the_events_tells_what_was_stored(folder: DataFolder) -> None:
    assert scribe.rebuild(folder) == len(RUNS)
    with SessionStore(folder.sessions_file) as store:
        new = {session.id: as_then(plain(session)) for session in store.all()}
    for run in RUNS:
        assert_kept(
            STORED[run] | {k: v for k, v in EXPECTED["printed"][run].items() if k in STORED[run]}, new[run], run
        )


def listed(folder: DataFolder) -> dict[str, Session]:
    return {session.id: session for session in logbook.sessions(folder).sessions}


@pytest.mark.usefixtures("utc")
def test_a_session_has_the_same_headline(folder: DataFolder) -> None:
    for run, session in listed(folder).items():
        then, now = EXPECTED["headlines"][run], plain(dataclasses.asdict(headline(session)))
        assert set(then["marks"]) <= set(now["marks"]), run
        same = {"counts": decimals(now["counts"]), "marks": then["marks"]}  # what is new is a mark of its own
        assert_kept(then | {"counts": decimals(then["counts"])}, now | same, run)


@pytest.mark.usefixtures("utc")
def test_rows_and_pages_say_nothing_less(folder: DataFolder) -> None:
    for run, session in listed(folder).items():
        row = EXPECTED["rows"][run]
        if session.cut_short:  # a training that was stopped has not the sign of a finished one
            row = row.replace("✓", "○", 1)
        assert not words(row) - words(log_rows([session], ROOM, LATER)[0].plain), run
        then = renamed("\n".join(EXPECTED["pages"][run]))
        assert not words(then) - words(session_page(session, WIDTH).plain), run


RENAMED = (
    (r". finished: stopped by", "○ stopped by"),
    (r"finished: finished by", "finished by"),
    (r"( \d\d:\d\d):\d\d UTC", r"\1"),
    (r"( s  )verdict\b", r"\1judged"),
    (r"( s  )time\b", r"\1ran out"),
    (r"( s  )stopped\b", r"\1Esc"),
    (r"( s  )driver\b", r"\1console left"),
    (r"((trained in|operator) +)not told", r"\1not recorded"),
    (r"\b0\.0 epochs", "0.0242 epochs"),
)
"""What a page says otherwise than in November 2026: an end once, local times, what ended a trial, part of an epoch."""


EPISODES = (
    (r"(?<!\S)(\d+)[✓✗⚠] (\d+(\.\d+)? s)", r"\2 episode \1"),
    (r"episode \d+: ", ""),
)
"""On a recording's page: an episode has the number of its take, as the strip does, and its own in the dataset."""


def renamed(text: str) -> str:
    records = re.search(r"^kind +record$", text, re.MULTILINE)
    for then, now in (*RENAMED, *(EPISODES if records else ())):
        text = re.sub(then, now, text)
    return text


def words(text: str) -> Counter[str]:
    """Its words, and how often each stands there; where they stand, and what divides them, is the screen's choice.

    So are the zeros at the end of a decimal number: 1 and 1.00 are one word.
    """
    return Counter(decimals(word.rstrip(":")) for word in re.findall(r"[^\s·=()]+", text))


def decimals(text: str) -> str:
    """The text without zeros at the end of its decimal numbers."""
    return re.sub(r"(?<![\d.])(\d+\.\d+)(?![\d.])", lambda found: found[1].rstrip("0").rstrip("."), text)


# -- datasets, checkpoints, benches ---------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", sorted(EXPECTED["marks"]))
def test_the_marks_of_a_dataset_are_read(dataset: str) -> None:
    marks = read_marks(FILES / "lab" / "datasets" / dataset)
    assert not marks.message
    assert_kept(EXPECTED["marks"][dataset], {str(index): plain(marks[index]) for index in marks}, dataset)


def test_a_mark_written_today_leaves_the_others_as_they_are(folder: DataFolder) -> None:
    root = folder.datasets / "demo"
    before = json.loads((root / "lab-console.json").read_bytes())
    mark = read_marks(root)[0]
    write_mark(root, 0, msgspec.structs.replace(mark, accepted=not mark.accepted))
    before["episodes"]["0"]["accepted"] = not mark.accepted
    assert_kept(before, json.loads((root / "lab-console.json").read_bytes()))


@pytest.mark.parametrize("dataset", sorted(EXPECTED["datasets"]))
def test_a_dataset_is_summed_up_as_before(dataset: str) -> None:
    summary = summarize(FILES / "lab" / "datasets" / dataset)
    assert_kept(EXPECTED["datasets"][dataset], plain(summary), dataset)


def test_checkpoints_are_found_and_say_what_they_need(folder: DataFolder) -> None:
    outputs = sorted(folder.trainings.iterdir())
    found = [path for output in outputs for path in checkpoints.complete(output)]
    assert [str(path.relative_to(folder.root)) for path in found] == list(EXPECTED["checkpoints"])
    assert sorted(checkpoints.newest(folder)) == sorted(EXPECTED["checkpoints"])
    for path in found:
        read = checkpoints.read(path)
        new = plain(read) | {"path": str(read.path.relative_to(path)), "label": read.label, "needs": sorted(read.needs)}
        new |= {"cameras": list(read.cameras), "missing": checkpoints.missing(path), "resizes": read.resizes}
        assert_kept(EXPECTED["checkpoints"][str(path.relative_to(folder.root))], new, str(path))


def test_lab_toml_has_the_same_benches() -> None:
    assert_kept(EXPECTED["benches"], plain(load_benches(FILES / "lab.toml").profiles))


# -- going on with them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
def test_notes_and_tags_can_be_added_to_every_session(folder: DataFolder, run: str) -> None:
    logbook.add_note(folder, run, "seen again", "carla")
    logbook.set_tag(folder, run, "kept")
    session = listed(folder)[run]
    assert [note.text for note in session.notes] == [*(n["text"] for n in STORED[run]["notes"]), "seen again"]
    assert session.tags == (*STORED[run]["tags"], "kept")
    before = (FILES / "lab" / "runs" / run / "events.jsonl").read_bytes()
    assert folder.run(run).events.read_bytes().startswith(before), "what was written stays"


def test_a_trial_left_without_a_verdict_is_judged_today(folder: DataFolder) -> None:
    run, left = next(
        (run, trial["index"]) for run in RUNS for trial in STORED[run]["trials"] if trial["verdict"] is None
    )
    marking.judge_trial(folder, run, left, Verdict.FAILURE, "carla")
    trial = next(trial for trial in listed(folder)[run].trials if trial.index == left)
    assert (trial.verdict, trial.judge) == (Verdict.FAILURE, "carla")


def test_a_session_that_was_left_open_is_closed_at_its_last_sign_of_life(folder: DataFolder) -> None:
    session = listed(folder)[OPEN]
    assert session.status is SessionStatus.CRASHED
    assert session.ended_utc == EXPECTED["printed"][OPEN]["ended_utc"]
    with EventLog(folder.run(OPEN)) as log:
        assert [event.seq for event in log.events] == list(range(1, len(lines(OPEN)) + 2))
