"""A real SLURM of one node: munged, slurmctld and slurmd as processes of this user, configured in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.rig import wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
_installed = all(shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in PROGRAMS)


def needs_slurm(test: Callable[..., Any]) -> Callable[..., Any]:
    """Skips a test where SLURM is missing, which .ci/run takes for a fault, or where its daemons may not run."""
    missing = pytest.mark.skipif(not _installed, reason="slurm-wlm or munge is not installed: apt-get installs both")
    not_root = pytest.mark.skipif(os.geteuid() != 0, reason="the cluster's daemons run jobs as root only")
    return not_root(missing(test))


CONFIG = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
SlurmdPort={port2}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
KillWait=20
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


class Slurm:
    """Runs until `close`; every program finds it by SLURM_CONF."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        folder.chmod(0o755)  # munged looks at each folder above its socket
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        port, port2 = _free_port(), _free_port()
        host = socket.gethostname().partition(".")[0]
        self.config = folder / "slurm.conf"
        self.config.write_text(
            CONFIG.format(folder=folder, host=host, port=port, port2=port2, cpus=os.cpu_count())
        )  # fmt: skip
        os.environ["SLURM_CONF"] = str(self.config)
        self._processes = [
            self._start(
                "munged", "--force", "--foreground", f"--key-file={key}", f"--socket={folder}/munge.sock",
                f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/seed",
            )
        ]  # fmt: skip
        wait_until((folder / "munge.sock").exists, what="munged does not start")
        self._processes.append(self._start("slurmctld", "-D", "-i", "-f", str(self.config)))
        self._processes.append(self._start("slurmd", "-D", "-f", str(self.config), "-N", host))
        wait_until(lambda: "idle" in self.call("sinfo", "--noheader", "--format=%t"), 40, "no node is idle")

    def _start(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
        with (self.folder / f"{program}.out").open("ab") as out:
            return subprocess.Popen([str(path), *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def call(self, *words: str) -> str:
        """What a program of SLURM says on standard output."""
        return subprocess.run(words, capture_output=True, text=True, timeout=30).stdout

    def close(self) -> None:
        self.call("scancel", "--full", "--signal=KILL", f"--user={os.getuid()}")
        self.call("scancel", f"--user={os.getuid()}")  # it is not queued again, either
        with suppress(AssertionError):
            wait_until(lambda: not self.call("squeue", "--noheader", "--states=RUNNING,COMPLETING"), 10)
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
        os.environ.pop("SLURM_CONF", None)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
