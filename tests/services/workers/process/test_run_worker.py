"""A worker's frame: which commit it runs, and an end that is told where it cannot begin."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from services.workers.process import run_worker
from services.workers.process.run_worker import _git_commit

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
