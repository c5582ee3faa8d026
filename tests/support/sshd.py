"""A real sshd on loopback with keys of its own, which lets this user in; for the tests of everything over ssh."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sessions.target import Target
from tests import ROOT
from tests.support.rig import wait_until

needs_sshd = pytest.mark.skipif(
    not (Path("/usr/sbin/sshd").exists() and shutil.which("ssh") and shutil.which("rsync")),
    reason="sshd or rsync is not installed: apt-get install openssh-server rsync",
)


class Sshd:
    """Runs until `close`; `stop` and `start` are a machine that is off for a while."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd refuses to start without it
        for name in ("host", "user", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized").write_bytes((folder / "user.pub").read_bytes())
        host_key = (folder / "host.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}")
        (folder / "no_hosts").touch()
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        )
        self.start()

    def start(self) -> None:
        log = (self.folder / "sshd.log").open("ab")
        words = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "config")]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, what="sshd does not listen")

    def _answers(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Nobody new gets in; who is connected stays."""
        self._process.kill()
        self._process.wait()

    close = stop

    def target(self, folder: Path, *, key: str = "user", known: str = "known_hosts", **other: object) -> Target:
        """A target whose data folder is `folder`."""
        options = (
            "-F", "/dev/null", "-p", str(self.port), "-i", str(self.folder / key), "-o", "IdentitiesOnly=yes",
            "-o", f"UserKnownHostsFile={self.folder / known}",
        )  # fmt: skip
        asked = {"command": lab_console(), **other}
        return Target(
            name="box", host=f"{getpass.getuser()}@127.0.0.1", folder=str(folder), ssh=options, **asked
        )  # fmt: skip  # type: ignore[arg-type]


PASSED_ON = ("HF_HOME", "HF_HUB_OFFLINE", "LAB_CONSOLE_WARM", "SLURM_CONF")


def lab_console(orders: str = "") -> str:
    """What calls lab-console there; with `orders` its workers are forked by that zygote."""
    set_there = [f"{key}={os.environ[key]}" for key in PASSED_ON if key in os.environ]
    module = ["tests.support.quick_console", orders] if orders else ["console"]
    words = ["env", *set_there, sys.executable, "-m", *module]
    return f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(words)}"
