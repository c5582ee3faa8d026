"""The logbook: lists whatever the disk says, finds what was typed, writes where the truth is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.__main__ import main
from services import folders
from services.datasets.lock import dataset_lock
from services.datasets.marks import SIDECAR, Mark, read_marks, write_mark
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.event_log import EventLog, read_events
from services.log import damage, logbook, scribe
from services.log.logbook import add_note, edit_note, set_tag
from services.log.marking import judge_trial, mark_episode, reconcile
from services.log.page import page
from services.log.problem import LogbookProblem
from services.log.table.light import light
from services.log.table.query import matching, parse
from services.workers.process.context import remark
from sessions.document import Session
from sessions.models import Episode, SessionKind, SessionStatus, Trial, Verdict
from tests.sessions.test_store import full_disk, read_only
from tests.support import facts
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

ID = session_id(1)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


@pytest.fixture
def sockets(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("s")
    monkeypatch.setattr(folders, "socket_folder", lambda: path)
    return path


def told(folder: DataFolder, session: str = ID) -> Session:
    return next(s for s in logbook.sessions(folder).sessions if s.id == session)


def a_session(session: str = ID, **more: Any) -> Session:
    plain = {} if more.get("kind") is SessionKind.BENCH else {"dataset": ""}
    return facts.session(session, **(plain | more))


# --- listing ------------------------------------------------------------------------------------


def test_the_log_is_listed_newest_first_and_up_to_date_without_a_scribe(folder: DataFolder) -> None:
    for n in (1, 3, 2):
        write_run(folder, session_id(n), started(session_id(n), at=1_771_338_000.0 + n), ended())
    book = logbook.sessions(folder)
    assert [s.id for s in book.sessions] == [session_id(n) for n in (3, 2, 1)]
    assert book.message is None


def test_a_place_where_nothing_was_recorded_is_an_empty_log(tmp_path: Path) -> None:
    assert logbook.sessions(DataFolder(tmp_path / "nowhere")) == logbook.Logbook()
    assert list(tmp_path.iterdir()) == []


def test_a_rebuilt_log_says_so(folder: DataFolder) -> None:
    write_run(folder, ID)
    logbook.sessions(folder)
    folder.sessions_file.write_bytes(b"{torn")
    book = logbook.sessions(folder)
    assert len(book.sessions) == 1
    assert book.message is not None and "set aside as sessions.json.corrupt-" in book.message


def test_damage_that_the_scribe_found_first_is_reported_until_people_had_a_day_to_see_it(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(folder, ID)
    logbook.sessions(folder)
    folder.sessions_file.write_bytes(b"{torn")
    assert "set aside" in scribe.fold(folder)
    (kept,) = folder.root.glob("sessions.json.corrupt-*")
    listing = ["--data-dir", str(folder.root), "sessions"]
    for _ in range(2):
        assert main([*listing, "--json"]) == 0
        assert f"set aside as {kept.name}; the log was rebuilt" in capsys.readouterr().err
    assert not (folder.root / damage.SEEN).exists(), "a script is nobody"
    for _ in range(2):
        assert main(listing) == 0
        assert "remain in that file only" in capsys.readouterr().err
    shown = json.loads((folder.root / damage.SEEN).read_bytes())
    (folder.root / damage.SEEN).write_text(json.dumps({name: at - damage.DAY_S for name, at in shown.items()}))
    assert main(listing) == 0 and capsys.readouterr().err == ""
    kept.with_name("sessions.json.corrupt-later").write_bytes(b"?")
    assert "corrupt-later" in str(logbook.sessions(folder).message)


def test_a_full_disk_lists_everything_and_says_so(folder: DataFolder) -> None:
    write_run(folder, ID, started(ID, task="x" * 3000), ended())
    with full_disk(2_000):
        book = logbook.sessions(folder)
    assert [s.id for s in book.sessions] == [ID]
    assert book.message is not None and "free some disk space" in book.message


def test_a_read_only_folder_is_listed(folder: DataFolder) -> None:
    write_run(folder, ID)
    with read_only(folder.root):
        book = logbook.sessions(folder)
    assert [s.id for s in book.sessions] == [ID]
    assert book.message is not None and "cannot be written" in book.message


def test_a_newer_log_is_a_problem_in_a_sentence(folder: DataFolder) -> None:
    folder.sessions_file.write_bytes(b'{"schema": {"1": {"version": 99}}}')
    with pytest.raises(LogbookProblem, match=r"newer lab console"):
        logbook.sessions(folder)


# --- filter -------------------------------------------------------------------------------------

ANNAS = a_session(session_id(1), operator="Anna", dataset="pick_place_v2", tags=("night", "direct-reset"))
BOS = a_session(
    session_id(2),
    operator="bo",
    status=SessionStatus.CRASHED,
    dataset="my cubes",
    task="Pick up the cube: now",
    alarms=("overhead: black in take 12",),
    episodes=(Episode(index=0, take=1, frames=9, seconds=0.3, flags=("dropped 3 frames",)),),
)
TRAINING = a_session(session_id(3), kind=SessionKind.TRAIN, operator="anna", dataset="pick_place_v2")
ALL = [TRAINING, BOS, ANNAS]
LEARNT = a_session(
    session_id(4),
    kind=SessionKind.TRAIN,
    dataset="cubes",
    training=facts.training(
        policy="smolvla", output_dir="/data/outputs/train/big_run", loss=0.00612, excluded_cameras=("overhead",)
    ),
)
TRIED = a_session(
    session_id(5),
    kind=SessionKind.EVAL,
    checkpoint="/data/outputs/train/act_v2/checkpoints/020000/pretrained_model",
    trained_in=session_id(4),
    trials=(
        Trial(index=1, verdict=Verdict.SUCCESS, ended_by="verdict"),
        Trial(index=2, verdict=Verdict.FAILURE, ended_by="time", failure_mode="grasps air"),
    ),
)
REFUSED = a_session(session_id(6), kind=SessionKind.TRAIN, policy="diffusion", name="first")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("   ", ALL),
        ("kind:record", [BOS, ANNAS]),
        ("KIND:Record operator:ANNA", [ANNAS]),
        ("status:crash", [BOS]),
        ("dataset:pick", [TRAINING, ANNAS]),
        ('dataset:"my cubes"', [BOS]),
        ('dataset:"my cu', [BOS]),
        ("tag:night", [ANNAS]),
        ("tag:#night", [ANNAS]),
        ("#direct", [ANNAS]),
        ("tag:", ALL),
        ("kind:", ALL),
        ("kind: operator:bo", [BOS]),
        ("cube pick", [BOS]),
        ("overhead black", [BOS]),
        ("dropped", [BOS]),
        ("cube:", [BOS]),
        ("cube:now", []),
        ('"cube: now"', [BOS]),
        ("colour:red", []),
        ("nobody", []),
        ("anna kind:train", [TRAINING]),
        (session_id(2)[-4:], [BOS]),
        ('"', ALL),
    ],
)
def test_every_term_must_fit(query: str, found: list[Session]) -> None:
    assert matching(ALL, query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("policy:smol", [LEARNT]),
        ("policy:diffusion", [REFUSED]),
        ("big_run", [LEARNT]),
        ('"loss 0.00612"', [LEARNT]),
        ('"20,000 steps"', [LEARNT]),
        ('"without overhead"', [LEARNT]),
        ("checkpoint:act_v2", [TRIED]),
        ('"act_v2 @ 020000"', [TRIED]),
        ('"1 success 1 failure"', [TRIED]),
        ("kind:eval 50", [TRIED]),
        ('"grasps air"', [TRIED]),
        (session_id(4), [LEARNT, TRIED]),
        ("first", [REFUSED]),
        ("policy:", [LEARNT, TRIED, REFUSED]),
        ("policy:act_v2", [TRIED]),
        ("verdict:failure", [TRIED]),
        ("verdict:void", []),
        ("verdict:", [LEARNT, TRIED, REFUSED]),
    ],
)
def test_trainings_and_evaluations_are_found_by_what_they_are_about(query: str, found: list[Session]) -> None:
    assert matching([LEARNT, TRIED, REFUSED], query) == found


@given(st.text(max_size=20))
def test_any_query_finds_a_part_of_the_list_in_its_order(query: str) -> None:
    found = matching(ALL, query)
    assert found == [s for s in ALL if s in found]


@given(st.text(max_size=10), st.text(max_size=10))
def test_another_term_never_finds_more(one: str, other: str) -> None:
    terms = [t for t in (one.replace('"', ""), other.replace('"', "")) if t.strip()]
    both = matching(ALL, " ".join(terms))
    assert all(session in matching(ALL, term) for term in terms for session in both)


NOON = datetime(2026, 11, 26, 12).astimezone().timestamp()
DAY = 24 * 3600.0
DAYS = [a_session(session_id(n), at=NOON - n * DAY, tags=("night",) if n == 1 else ()) for n in (0, 1, 30, 400)]
TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("today", DAYS[:1]),
        ("yesterday", DAYS[1:2]),
        ("on:2026-11-25", DAYS[1:2]),
        ("after:2026-11-25", DAYS[:2]),
        ("after:yesterday", DAYS[:2]),
        ("before:2026-11-25", DAYS[2:]),
        ("after:2026-10 before:2026-11", DAYS[2:3]),
        ("after:2026", DAYS[:3]),
        ("on:2025", DAYS[3:]),
        ("after:2026-", DAYS[:3]),
        ("after:", DAYS),
        ('"today"', []),
        ("today #night", []),
        ("after:2026-11 #nig", DAYS[1:2]),
    ],
)
def test_dates_are_days_of_this_machine(query: str, found: list[Session]) -> None:
    asked = parse(query, TODAY)
    rows = {light(session).id: session for session in DAYS}
    assert ([rows[row.id] for row in asked.of(map(light, DAYS))], asked.problem) == (found, "")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("after:2026-13-01", "'2026-13-01' is no date: write 2026-11-01, 2026-11, today or yesterday"),
        ("on:soon", "'soon' is no date"),
        ("before:9999-12-31", "is no date"),
        ("kind:teleop", "no kind is 'teleop': record, train, eval, bench"),
        ("verdict:good", "no verdict is 'good': success, failure, void, accepted, rejected, flagged"),
        ("status:done", "no status is 'done': running, finished, aborted, crashed"),
        ("dateset:cubes", "'dateset:' is searched as text: did you mean dataset:?"),
        ("kind:evaluation", ""),
        ("https://example.org", ""),
    ],
)
def test_what_is_wrong_with_a_filter_is_said(query: str, problem: str) -> None:
    said = parse(query, TODAY).problem
    assert said.startswith(problem) if problem.startswith("'") else problem in said
    assert bool(said) is bool(problem)


# --- notes and tags -----------------------------------------------------------------------------


def test_a_note_on_an_ended_session_stands_in_its_events_and_in_the_log(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    add_note(folder, ID, "  belt slipped\nat take 2 ", "anna")
    assert isinstance(read_events(run.events)[-1], ev.NoteAdded)
    assert [(n.text, n.author) for n in told(folder).notes] == [("belt slipped\nat take 2", "anna")]


def test_a_note_cuts_a_torn_line_first(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    with run.events.open("ab") as file:
        file.write(b'{"type":"NoteAdded","se')
    add_note(folder, ID, "belt slipped")
    assert [e.seq for e in read_events(run.events)] == [1, 2, 3, 4, 5]


def test_a_note_on_a_crashed_session_comes_after_its_end(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID))
    add_note(folder, ID, "power cut")
    assert [type(e) for e in read_events(run.events)] == [ev.SessionStarted, ev.SessionEnded, ev.NoteAdded]


def test_tags_go_on_and_off(folder: DataFolder) -> None:
    write_run(folder, ID)
    set_tag(folder, ID, " #night ")
    set_tag(folder, ID, "direct-reset")
    assert told(folder).tags == ("night", "direct-reset")
    set_tag(folder, ID, "night", present=False)
    assert told(folder).tags == ("direct-reset",)


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("", "a tag is one word"),
        ("#", "a tag is one word"),
        ("night run", "tags cannot contain spaces: try night-run"),
        ("a\nb", "no tag|control"),
        ("x" * 65, "at most 64 characters, this one has 65"),
        ("\x1b[31mred", "control characters"),
    ],
)
def test_what_is_no_tag_is_refused(folder: DataFolder, tag: str, why: str) -> None:
    write_run(folder, ID)
    with pytest.raises(LogbookProblem, match=why):
        set_tag(folder, ID, tag)


def test_a_note_is_edited_and_nothing_of_it_is_lost(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    add_note(folder, ID, "belt slipped", "anna")
    add_note(folder, ID, "lamp off", "bo")
    edit_note(folder, ID, 1, "belt slipped\n\nand was tightened", "bo")
    first, second = told(folder).notes
    assert (first.text, first.author, first.edits, first.edited_by) == (
        "belt slipped\n\nand was tightened", "anna", 1, "bo",
    )  # fmt: skip
    assert first.edited_utc and (second.text, second.edits) == ("lamp off", 0)
    written = [e.text for e in read_events(run.events) if isinstance(e, ev.NoteAdded | ev.NoteEdited)]
    assert written == ["belt slipped", "lamp off", "belt slipped\n\nand was tightened"]
    shown = [row.text for s in page(told(folder)).sections for row in s.rows if row.name == "notes"]
    assert shown[:2] == ["belt slipped", " "] and shown[2].startswith("and was tightened, anna, ")
    assert "edited by bo" in shown[2]
    for number in (0, 3):
        with pytest.raises(LogbookProblem, match=f"no note {number}: it has 2"):
            edit_note(folder, ID, number, "x")
    with pytest.raises(LogbookProblem, match="empty"):
        edit_note(folder, ID, 1, " ")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 10_001])
def test_what_is_no_note_is_refused(folder: DataFolder, text: str) -> None:
    write_run(folder, ID)
    with pytest.raises(LogbookProblem, match="note"):
        add_note(folder, ID, text)


@pytest.mark.parametrize("name", ["", ".", "..", "../runs", "../../etc", "/etc", "20990101-000000-0000"])
def test_an_unknown_session_is_refused_and_nothing_is_made(folder: DataFolder, name: str) -> None:
    with pytest.raises(LogbookProblem, match=r"no session id|holds no events"):
        add_note(folder, name, "text")
    assert list(folder.runs.iterdir()) == []


def test_a_note_that_cannot_be_written_is_said(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    with (
        full_disk(run.events.stat().st_size + 10),
        pytest.raises(LogbookProblem, match=r"events\.jsonl cannot be written"),
    ):
        add_note(folder, ID, "x" * 100)
    assert len(read_events(run.events)) == 4


# --- a running session --------------------------------------------------------------------------

Reply = Callable[[protocol.AnyCommand, EventLog], protocol.Answer | None]


class Worker:
    """A worker as the wire sees it: holds the events, answers commands by `reply`."""

    def __init__(self, run: RunFolder, reply: Reply) -> None:
        self.heard: list[protocol.AnyCommand] = []
        self._log, self._reply = EventLog(run), reply
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(run.socket))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with client, client.makefile("rb") as lines:
                    self._talk(client, lines.readline)

    def _talk(self, client: socket.socket, readline: Callable[[], bytes]) -> None:
        client.sendall(b'{"type":"FromANewerWorker"}\n' + protocol.encode(protocol.Telemetry(at=1.0)))
        while line := readline():
            command = protocol.decode_command(line)
            self.heard.append(command)
            if isinstance(command, protocol.Attach):
                client.sendall(protocol.encode(protocol.Answer(id=command.id, ok=True)))
            elif answer := self._reply(command, self._log):
                line = protocol.encode(msgspec.structs.replace(answer, id=command.id))
                client.sendall(line[:9])
                client.sendall(line[9:])
            elif answer is None:
                return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)
        self._log.close()


def obedient(command: protocol.AnyCommand, log: EventLog) -> protocol.Answer:
    match command:
        case protocol.AddNote():
            log.append(remark(command))
        case protocol.SetTag():
            log.append(ev.TagAdded(tag=command.tag))
        case protocol.MarkTake():
            log.append(ev.EpisodeMarked(index=command.take - 1, accepted=command.accepted))
    return protocol.Answer(id=0, ok=True)


@pytest.fixture
def worker(folder: DataFolder, sockets: Path) -> Iterator[Callable[[Reply], Worker]]:
    made: list[Worker] = []

    def make(reply: Reply) -> Worker:
        made.append(Worker(write_run(folder, ID, started(ID), saved(0)), reply))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_running_sessions_worker_writes_the_note_and_is_not_driven(
    folder: DataFolder, worker: Callable[[Reply], Worker]
) -> None:
    at_work = worker(obedient)
    add_note(folder, ID, "cube moved", "bo")
    edit_note(folder, ID, 1, "cube moved", "bo")
    set_tag(folder, ID, "night")
    mark_episode(folder, ID, 0, accepted=False)
    session = told(folder)
    assert ([n.text for n in session.notes], session.tags) == (["cube moved"], ("night",))
    assert [e.accepted for e in session.episodes] == [False]
    assert session.status is SessionStatus.RUNNING
    attaches = [c for c in at_work.heard if isinstance(c, protocol.Attach)]
    assert len(attaches) == 4 and all(a.quiet and not a.drive for a in attaches)


def test_a_workers_refusal_is_said(folder: DataFolder, worker: Callable[[Reply], Worker]) -> None:
    worker(lambda command, log: protocol.Answer(id=0, ok=False, error="anna drives"))
    with pytest.raises(LogbookProblem, match="anna drives"):
        mark_episode(folder, ID, 0, accepted=False)


def test_a_silent_worker_is_said(
    folder: DataFolder, worker: Callable[[Reply], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logbook, "ANSWER_S", 0.2)
    hang = threading.Event()
    worker(lambda command, log: (hang.wait(5), None)[1])
    try:
        with pytest.raises(LogbookProblem, match="did not answer"):
            add_note(folder, ID, "hello")
    finally:
        hang.set()


def test_a_held_run_that_nobody_answers_for_is_said(
    folder: DataFolder, sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logbook, "ANSWER_S", 0.2)
    run = write_run(folder, ID, started(ID))
    with EventLog(run), pytest.raises(LogbookProblem, match="does not listen"):
        add_note(folder, ID, "hello")
    assert len(read_events(run.events)) == 1


def test_a_note_given_while_the_worker_ends_is_not_lost(folder: DataFolder, sockets: Path) -> None:
    run = write_run(folder, ID, started(ID))
    log = EventLog(run)
    log.append(ended())
    threading.Timer(0.3, log.close).start()  # its socket is gone already
    add_note(folder, ID, "just in time")
    assert [n.text for n in told(folder).notes] == ["just in time"]


# --- marks afterwards ---------------------------------------------------------------------------


@pytest.fixture
def recorded(folder: DataFolder) -> Path:
    """An ended session of two episodes and its dataset; where that lies."""
    root = folder.datasets / "cubes"
    root.mkdir()
    write_run(folder, ID, started(ID, data_dir=str(folder.root)), saved(0, flags=("late",)), saved(1), ended())
    write_mark(root, 1, Mark(session=ID, take=2, strategy="roll"))
    return root


def test_an_episode_is_marked_in_the_dataset_and_in_the_log(folder: DataFolder, recorded: Path) -> None:
    mark_episode(folder, ID, 1, accepted=False)
    mark_episode(folder, ID, 0, accepted=False)
    assert read_marks(recorded)[1] == Mark(accepted=False, session=ID, take=2, strategy="roll")
    assert read_marks(recorded)[0] == Mark(accepted=False, session=ID, take=1, flags=("late",))
    assert [e.accepted for e in told(folder).episodes] == [False, False]
    mark_episode(folder, ID, 1, accepted=True)
    assert read_marks(recorded).accepted(1) and told(folder).episodes[1].accepted


def test_a_dataset_in_use_is_not_marked(folder: DataFolder, recorded: Path) -> None:
    with dataset_lock(recorded, "somebody"), pytest.raises(LogbookProblem, match="in use by session somebody"):
        mark_episode(folder, ID, 1, accepted=False)
    assert read_marks(recorded).accepted(1) and told(folder).episodes[1].accepted


def test_an_episode_recorded_anew_is_not_marked_by_the_session_before(folder: DataFolder, recorded: Path) -> None:
    write_mark(recorded, 1, Mark(session="later"))
    with pytest.raises(LogbookProblem, match="session later's"):
        mark_episode(folder, ID, 1, accepted=False)
    assert told(folder).episodes[1].accepted


def test_a_dataset_that_is_gone_and_an_episode_that_never_was_are_said(folder: DataFolder, recorded: Path) -> None:
    with pytest.raises(LogbookProblem, match="saved no episode 7"):
        mark_episode(folder, ID, 7, accepted=False)
    (recorded / "lab-console.json").unlink()
    recorded.rmdir()
    with pytest.raises(LogbookProblem, match=r"no dataset at .*cubes any more"):
        mark_episode(folder, ID, 1, accepted=False)
    assert not recorded.exists()


def test_a_reason_stands_in_the_marks_and_in_the_log(folder: DataFolder, recorded: Path) -> None:
    mark_episode(folder, ID, 1, accepted=False, why=" a hand in view ", by="tg")
    assert read_marks(recorded)[1].why == "a hand in view"
    assert (told(folder).episodes[1].why, told(folder).episodes[1].marked_by) == ("a hand in view", "tg")
    mark_episode(folder, ID, 1, accepted=True)
    assert read_marks(recorded)[1].why == "" == told(folder).episodes[1].why, "a reason belongs to its mark"
    with pytest.raises(LogbookProblem, match="at most 200"):
        mark_episode(folder, ID, 1, accepted=False, why="x" * 201)


def test_a_mark_that_cannot_reach_the_log_is_taken_back(folder: DataFolder, recorded: Path) -> None:
    before = (recorded / SIDECAR).read_bytes()
    enough_for_the_marks = folder.run(ID).events.stat().st_size + 10
    assert enough_for_the_marks > 2 * len(before)
    with full_disk(enough_for_the_marks), pytest.raises(LogbookProblem, match=r"events\.jsonl cannot be written"):
        mark_episode(folder, ID, 0, accepted=False)
    assert (recorded / SIDECAR).read_bytes() == before
    assert told(folder).episodes[0].accepted


def test_a_mark_of_a_console_that_was_killed_between_the_two_reaches_the_log(
    folder: DataFolder, recorded: Path
) -> None:
    write_mark(recorded, 1, Mark(session=ID, take=2, strategy="roll", accepted=False, why="a hand in view"))
    assert told(folder).episodes[1].accepted
    assert reconcile(folder, ID) == 1 and reconcile(folder, ID) == 0
    assert (told(folder).episodes[1].accepted, told(folder).episodes[1].why) == (False, "a hand in view")


def test_a_dataset_that_cannot_be_written_is_not_marked(folder: DataFolder, recorded: Path) -> None:
    with read_only(recorded), pytest.raises(LogbookProblem, match=r"marks .*cubes cannot be written"):
        mark_episode(folder, ID, 1, accepted=False)
    assert told(folder).episodes[1].accepted


def test_another_take_under_the_number_is_not_marked(folder: DataFolder, recorded: Path) -> None:
    write_mark(recorded, 1, Mark(session=ID, take=5))
    with pytest.raises(LogbookProblem, match="is take 5 of its session by now, not take 2"):
        mark_episode(folder, ID, 1, accepted=False)


# --- verdicts afterwards ------------------------------------------------------------------------


@pytest.fixture
def unjudged(folder: DataFolder) -> Path:
    """A crashed evaluation: trial 1 judged, trial 2 saved and not judged; where its rollouts lie."""
    root = folder.datasets / "rollout_a"
    root.mkdir()
    events = [
        started(ID, kind=SessionKind.EVAL, data_dir=str(folder.root), dataset="rollout_a"),
        ev.TakeStarted(take=1), ev.TakeEnded(take=1, frames=200, reason="time"), saved(0),
        ev.TrialJudged(trial=1, verdict=Verdict.FAILURE),
        ev.TakeStarted(take=2), ev.TakeEnded(take=2, frames=200, reason="driver"), saved(1),
        ended(SessionStatus.CRASHED),
    ]  # fmt: skip
    write_run(folder, ID, *events)
    write_mark(root, 1, Mark(accepted=False, session=ID, take=2, flags=("stopped",)))
    return root


def test_an_unjudged_trial_is_judged_afterwards_in_log_and_marks(folder: DataFolder, unjudged: Path) -> None:
    judge_trial(folder, ID, 2, Verdict.SUCCESS, "anna")
    trials = told(folder).trials
    assert [(t.verdict, t.judge) for t in trials] == [(Verdict.FAILURE, ""), (Verdict.SUCCESS, "anna")]
    assert read_marks(unjudged)[1].verdict is Verdict.SUCCESS
    assert read_marks(unjudged)[1].flags == ("stopped",)


def test_a_verdict_that_is_there_stays_and_a_trial_that_never_was_is_said(folder: DataFolder, unjudged: Path) -> None:
    with pytest.raises(LogbookProblem, match=r"trial 1 of session .* has its verdict: failure"):
        judge_trial(folder, ID, 1, Verdict.SUCCESS)
    with pytest.raises(LogbookProblem, match="no trial 9"):
        judge_trial(folder, ID, 9, Verdict.SUCCESS)
    assert [t.verdict for t in told(folder).trials] == [Verdict.FAILURE, None]


def test_a_verdict_is_in_the_log_where_the_rollouts_are_gone_or_in_use(folder: DataFolder, unjudged: Path) -> None:
    with dataset_lock(unjudged, "somebody"), pytest.raises(LogbookProblem, match="in the log, but not in the marks"):
        judge_trial(folder, ID, 2, Verdict.VOID)
    assert told(folder).trials[1].verdict is Verdict.VOID
