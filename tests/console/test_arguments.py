"""Words of the command line that are no text."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from console.__main__ import main
from console.exit import BAD_USAGE
from tests import ROOT


def test_a_word_that_is_not_utf8_is_refused_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    word = os.fsdecode(b"caf\xe9")
    assert main(["record", "--dataset", "x", "--task", word, "--episodes", "1"]) == BAD_USAGE
    assert "is not UTF-8 text: names and texts are kept as UTF-8" in capsys.readouterr().err


def test_the_program_itself_ends_with_a_sentence_and_no_traceback() -> None:
    command = [sys.executable, "-m", "console", "--data-dir", b"/tmp/\xff", "sessions"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == BAD_USAGE
    assert b"Traceback" not in done.stderr and b"is not UTF-8" in done.stderr
