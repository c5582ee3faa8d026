"""A worker's frame: which commit it runs, and an end that is told where it cannot begin."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.folders import RunFolder
from services.live.event_log import is_live, read_events
from services.live.requests import BenchRequest, Purpose, write_request
from services.live.snapshots import replay
from services.workers.process import run_worker
from services.workers.process.run_worker import _git_commit
from sessions.models import SessionStatus
from tests import ROOT
from tests.support.fake_desk import sim_profile
from tests.support.runs import make_folder

# --- which commit -------------------------------------------------------------------------------


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=lab", "-c", "user.email=lab@example.org"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory under no repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pretend_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only `git` there is."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


def test_a_session_tells_the_commit_that_it_runs(here: Path) -> None:
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "first")
    assert _git_commit() == git("rev-parse", "HEAD")


def test_a_repository_without_commits_has_none(here: Path) -> None:
    git("init", "--quiet")
    assert _git_commit() is None


def test_outside_a_repository_there_is_none(here: Path) -> None:
    assert _git_commit() is None


def test_without_git_there_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(here))
    assert _git_commit() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_repository_that_git_does_not_trust_has_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "first")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for path in (here, here / ".git"):
        os.chown(path, 54321, 54321)
    assert _git_commit() is None


@pytest.mark.parametrize(
    "script",
    [
        'echo HEAD; echo "fatal: ambiguous argument" >&2; exit 128',
        f"echo {'a' * 40}; exit 1",
        "printf '\\377\\376 not a commit'",
        "exit 0",
    ],
)
def test_an_answer_that_is_no_commit_is_none(here: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    pretend_git(here, script, monkeypatch)
    assert _git_commit() is None


def test_a_git_that_hangs_does_not_keep_the_worker(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_worker, "GIT_PATIENCE_S", 0.2)
    pretend_git(here, "/bin/sleep 30", monkeypatch)
    began = time.monotonic()
    assert _git_commit() is None
    assert time.monotonic() - began < 5


# --- a socket that cannot be opened -------------------------------------------------------------

NOBODY = 2_000_000_000 + os.getpid()
"""A user that this machine does not have, so that its socket folder is this test's alone."""
WORKER = f"""
import os, sys
os.getuid = lambda: {NOBODY}
from services.workers.process.run_worker import run_worker
sys.exit(run_worker(sys.argv, lambda context, request: sys.exit("it began")))
"""


@pytest.fixture(params=["a file stands there", "it is another user's"])
def unusable(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The socket folder of NOBODY."""
    path = Path("/tmp") / f"lab-console-{NOBODY}"
    if request.param == "a file stands there":
        path.touch()
        yield path
        path.unlink()
    else:
        path.mkdir(mode=0o700)
        yield path
        path.rmdir()


def test_a_worker_whose_socket_cannot_be_opened_ends_and_says_why(tmp_path: Path, unusable: Path) -> None:
    folder = make_folder(tmp_path)
    run = RunFolder(folder.runs / "20260217-142001-0001")
    run.root.mkdir()
    write_request(run, BenchRequest(data_dir=str(folder.root), profile=sim_profile(), purpose=Purpose.HOLD))
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(run.root)], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        _, said = worker.communicate(timeout=20)
    finally:
        worker.kill()
    assert worker.returncode == 1
    told = read_events(run.events)
    state = replay(told)
    assert state.status is SessionStatus.ABORTED and not is_live(run)
    assert "no console can reach this worker" in state.end_reason and str(unusable) in state.end_reason
    assert str(unusable).encode() in said
    assert told[-1].at - told[0].at < 1.5
