"""The thread that writes to the terminal."""

from __future__ import annotations

import os
import select
import tty

from console.terminal_output import TerminalOutput


def test_a_terminal_that_another_program_left_non_blocking_is_waited_for():
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(theirs, False)
    with os.fdopen(theirs, "w") as file:
        output = TerminalOutput(file)
        output.start()
        text = "x" * 200_000  # more than a pseudo-terminal holds
        output.paint(text)
        got = b""
        while got.count(b"x") < len(text):
            assert select.select([ours], [], [], 20)[0], f"{got.count(b'x')} of {len(text)}"
            got += os.read(ours, 65536)
        output.stop()
    os.close(ours)
    assert not output.is_alive()
