"""How a target is called: the words of a command that runs there, and what a failure of it means."""

from __future__ import annotations

import re
import shlex

from services.error_text import LONGEST
from services.text import clean
from sessions.target import Target

ASKED_NOTHING = (
    "-oBatchMode=yes", "-oConnectTimeout=10", "-oServerAliveInterval=5", "-oServerAliveCountMax=3",
)  # fmt: skip
"""A password is never asked for: nobody could type it. A link that is dead for 15 s is given up."""
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")


class Unreachable(Exception):
    """A target cannot be used now. The message is one sentence with what to do.

    `lasting`: trying again is of no use before a person mends something.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


def transport(target: Target) -> list[str]:
    """The ssh that rsync and commands use, without the host."""
    return ["ssh", "-T", *ASKED_NOTHING, *target.ssh]


def call(target: Target) -> list[str]:
    """The words that start `lab-console there` on the target, with its data folder."""
    command = f"{target.command} --data-dir {shlex.quote(target.folder)} there"
    if not target.host:
        return ["sh", "-c", command]
    return [*transport(target), "--", target.host, command]


def why(target: Target, status: int, said: str) -> Unreachable:
    """What it means that ssh, or the command there, ended with `status` and `said` this on standard error."""
    place = clean(target.place)
    by_hand = f"run `{shlex.join(['ssh', *target.ssh, target.host])}` once in a shell"
    if "Permission denied (" in said:
        return Unreachable(f"{place} refuses your key: {by_hand}, or copy the key there with ssh-copy-id", lasting=True)
    if "Host key verification failed" in said or "HOST IDENTIFICATION HAS CHANGED" in said:
        return Unreachable(f"{place} has a host key that is not known here: {by_hand} and look at it", lasting=True)
    if "Could not resolve hostname" in said:
        return Unreachable(
            f"no machine is called {clean(target.host)}: check `host` in lab.toml, or the network", lasting=False
        )
    if status == 127 or "command not found" in said or "No module named" in said:
        return Unreachable(
            f"{place} has no lab-console at `{clean(target.command)}`: install it there, or give its full path as "
            f"`command` of [target.{clean(target.name)}]",
            lasting=True,
        )
    if "invalid choice: 'there'" in said:
        return Unreachable(f"the lab-console of {place} is too old to train for others: update it there", lasting=True)
    if status == 255:
        return Unreachable(f"{place} does not answer{_cause(said)}", lasting=False)
    return Unreachable(f"lab-console on {place} ended: {_last(said) or f'status {status}'}", lasting=False)


def why_not_moved(target: Target, status: int, said: str) -> Unreachable:
    """What it means that rsync ended so."""
    place = clean(target.place)
    if NO_ROOM.search(said):
        return Unreachable(f"no room: {_last(said, 'No space|quota')}; free the disk and try again", lasting=True)
    if "rsync: command not found" in said or "rsync: not found" in said or status == 127:
        return Unreachable(f"{place} has no rsync: install it there", lasting=True)
    if status == 255 or "ssh" in said.partition(":")[0] or "connection unexpectedly closed" in said:
        return why(target, 255, said)
    last = _last(said, "rsync") or f"rsync ended with status {status}"
    return Unreachable(f"the files were not moved: {last}", lasting=False)


def _cause(said: str) -> str:
    """Why a line does not stand, in brackets: the end of `ssh: connect to host gpu port 22: Connection refused`."""
    last = _last(said)
    short = last.rpartition(": ")[2] if last.startswith("ssh: connect to ") else last
    return f" ({short})" if short else ": the connection broke"


def _last(said: str, pattern: str = "") -> str:
    """The last line that says something (and has `pattern`), shortened."""
    lines = [clean(line).strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if pattern and re.search(pattern, line)] or lines
    return telling[-1][:LONGEST].rstrip(".") if telling else ""
