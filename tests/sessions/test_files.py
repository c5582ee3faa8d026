"""Files that are whole or not there, and what killed writers leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from sessions.files import LEFT_S, write_atomically
from tests import ROOT

WRITER = """
import os, sys
from pathlib import Path
from sessions import files
files.os.replace = lambda *_: os.kill(os.getpid(), 9)
files.write_atomically(Path(sys.argv[1]), b"new")
"""


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    write_atomically(path, b"old")
    killed = subprocess.run([sys.executable, "-c", WRITER, str(path)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    left = [p for p in tmp_path.iterdir() if p != path]
    assert len(left) == 1 and path.read_bytes() == b"old"
    others = [tmp_path / name for name in (".sessions.json.bak", ".sessions.json.note.txt", ".other.json.abcdefgh")]
    for other in others:
        other.write_bytes(b"somebody's")
    write_atomically(path, b"newer")
    assert left[0].exists(), "its writer may live: it is young"
    for file in (*left, *others):
        os.utime(file, (1, file.stat().st_mtime - LEFT_S - 1))
    write_atomically(path, b"newest")
    assert not left[0].exists() and path.read_bytes() == b"newest"
    assert all(other.exists() for other in others), "only what this writer itself makes"
