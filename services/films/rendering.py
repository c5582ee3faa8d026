"""The process that renders a film: started, heard, and ended from here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import msgspec

from services.films.request import Failed, FilmRequest, Message, Progress, decode_message, encode
from services.text import clean

_PATIENCE_S = 5.0


@contextmanager
def rendering(request: FilmRequest) -> Iterator[Iterator[Message]]:
    """The messages of the process, the last of which is Rendered or Failed. Whoever leaves early ends it.

    It leaves no half of a film behind. Raises OSError if it cannot be started.
    """
    argv = [sys.executable, "-P", "-m", "services.workers.film.render", str(os.getpid())]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(encode(request))
            yield _messages(process, errors)
        finally:
            _end(process)


def _messages(process: subprocess.Popen[bytes], errors: IO[bytes]) -> Iterator[Message]:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            message = decode_message(line)
        except msgspec.DecodeError:  # printed by a library
            continue
        yield message
        if not isinstance(message, Progress):
            return
    process.wait()
    yield Failed(text=f"the process that renders it died ({_last_line(errors) or process.returncode})")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it remove what it began, else kill it."""
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return clean(lines[-1]) if lines else ""
