"""`lab-console show`: the page that the Log shows, on a terminal, in a pipe and as JSON."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console.__main__ import main
from console.exit import FAILED, OK
from console.grammar import parser
from screens.views.page_lines import lines
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.log import logbook
from services.log.page import page
from services.log.sections import as_json
from sessions.models import SessionKind
from tests import ROOT
from tests.support import facts
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

ID = session_id(1)
NASTY = "\x1b]0;owned\x07cubes\x1b[31m\n\u202e"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = make_folder(tmp_path)
    note = ev.NoteAdded(text="slower " * 40 + NASTY, author="anna")
    write_run(folder, ID, started(ID, target=2), saved(0), saved(1, flags=("wrist black",)), note, ended())
    return folder


def lab(folder: DataFolder, *arguments: str) -> int:
    return main(["--data-dir", str(folder.root), *arguments])


def test_it_prints_the_page_that_the_log_shows(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(folder, "show", "last") == 0
    out, err = capsys.readouterr()
    shown = page(logbook.sessions(folder).sessions[0])
    assert out.splitlines() == [f"session {ID}", *("".join(text for text, _ in line) for line in lines(shown, 80))]
    assert not err
    assert max(map(len, out.splitlines())) <= 80
    assert "✓ finished by the operator" in out and "⚠ take 02: wrist black" in out
    assert out.count("slower") == 40, "a long note wraps, and is not cut"
    assert not [c for c in out if (ord(c) < 32 and c != "\n") or c == "\u202e"] and "owned" not in out


def test_json_is_the_page(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(folder, "show", ID[:12], "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out) == json.loads(as_json(page(logbook.sessions(folder).sessions[0])))
    assert json.loads(out)["session"] == ID


@pytest.mark.parametrize(("wanted", "said"), [("2031", "begins with '2031'"), ("2026", "fits 2 sessions")])
def test_none_or_several_is_bad_usage(
    folder: DataFolder, capsys: pytest.CaptureFixture[str], wanted: str, said: str
) -> None:
    write_run(folder, session_id(2))
    assert lab(folder, "show", wanted) == 2
    out, err = capsys.readouterr()
    assert not out and said in err and err.startswith("lab-console: ")


def test_a_running_session_is_shown(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with EventLog(write_run(folder, session_id(2), started(session_id(2)), saved(0))):
        assert lab(folder, "show", "last") == 0
    assert "● running" in capsys.readouterr().out


def test_events_that_cannot_be_read_are_told(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.run(session_id(2)).events.mkdir(parents=True)
    assert lab(folder, "show", session_id(2)) == 1
    out, err = capsys.readouterr()
    assert not out and "cannot be read" in err
    assert lab(folder, "show", ID) == 0
    capsys.readouterr()
    folder.run(ID).events.unlink()
    folder.run(ID).events.mkdir()
    assert lab(folder, "show", ID) == 0
    out, err = capsys.readouterr()
    assert "2 of 2 accepted" in out and "this is what the log kept" in err


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder.run(session_id(9))
    start = facts.training()
    write_run(folder, run.id, started(run.id, kind=SessionKind.TRAIN), start.started, ended())
    os.mkfifo(run.metrics)
    assert lab(folder, "show", run.id) == OK and lab(folder, "show", run.id, "--json") == OK
    logbook.sessions(folder)
    folder.sessions_file.unlink()
    for made in (os.mkfifo, lambda path: path.symlink_to(path)):
        made(folder.sessions_file)
        assert lab(folder, "show", run.id) == FAILED
        assert "sessions.json cannot be read" in capsys.readouterr().err
        folder.sessions_file.unlink()


def test_each_example_of_the_help_is_a_command() -> None:
    help_text = parser()._subparsers._group_actions[0].choices["show"].format_help()  # type: ignore[union-attr,index,call-overload]
    examples = [line.strip() for line in help_text.splitlines() if line.startswith("  lab-console ")]
    assert len(examples) == 3
    for example in examples:
        assert parser().parse_args(shlex.split(example)[1:]).verb == "show"


def on_a_terminal(folder: DataFolder, **environment: str) -> str:
    """What a person's terminal gets."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "console", "--data-dir", str(folder.root), "show", "last"]
    with subprocess.Popen(command, stdout=theirs, cwd=ROOT, env={**os.environ, **environment}) as process:
        os.close(theirs)
        data = b""
        while chunk := _read(ours):
            data += chunk
    os.close(ours)
    assert process.returncode == 0
    return data.decode()


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(folder: DataFolder, no_color: str, coloured: bool) -> None:
    shown = on_a_terminal(folder, NO_COLOR=no_color)
    assert ("\x1b[1;32m✓ finished" in shown) is coloured
    assert ("\x1b" in shown) is coloured


def test_a_terminal_without_utf8_gets_ascii_signs(folder: DataFolder) -> None:
    shown = on_a_terminal(folder, PYTHONIOENCODING="ascii", NO_COLOR="1")
    assert "+ finished" in shown and shown.isascii()


def test_it_needs_no_textual(folder: DataFolder) -> None:
    script = (
        "import sys; from console.__main__ import main; "
        f"main(['--data-dir', {str(folder.root)!r}, 'show', 'last']); "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'textual', 'torch', 'lerobot', 'numpy', 'scipy'}))"
    )
    done: Any = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
