"""No verb waits without end or in silence."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.commands import following as following_module
from console.commands.following import following
from console.commands.printer import Printer
from services.live import launch
from services.live.link import Link, LinkLost
from tests import ROOT
from tests.support.rig import wait_until
from tests.support.runs import make_folder, session_id


async def test_a_worker_that_ends_before_its_first_event_is_not_waited_for(tmp_path: Path) -> None:
    run = make_folder(tmp_path).run(session_id(1))
    run.root.mkdir()
    launch.spawn(run, "services.workers.no_such_worker")
    began = time.monotonic()
    with pytest.raises(LinkLost, match=r"ended before its first event \(exit status 1\)"):
        await Link(run, name="test").attach(patience_s=60)
    assert time.monotonic() - began < 20
    assert "no_such_worker" in run.log.read_text()


async def test_a_verb_says_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following_module, "WAITING_S", 0.05)
    run = make_folder(tmp_path).run(session_id(2))
    run.root.mkdir()
    async with following(run, Printer(), name="test") as client:
        with pytest.raises(LinkLost):
            await client.attach(patience_s=0.3)
    assert f"waiting for the worker of session {run.id} to start" in capsys.readouterr().out


DETACHED = """
import asyncio, signal, sys, time
from console.commands.exits import run_to_end

async def work():
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    print("ready", flush=True)
    await asyncio.to_thread(time.sleep, 60)
    return 0

sys.exit(run_to_end(work()))
"""


def test_detaching_waits_for_no_thread() -> None:
    verb = subprocess.Popen([sys.executable, "-c", DETACHED], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert verb.stdout is not None
    assert verb.stdout.readline() == "ready\n"
    verb.send_signal(2)
    wait_until(lambda: verb.poll() is not None, 5)
    assert verb.returncode == 1
    assert verb.stdout.read() == "detached; the session goes on: `lab-console attach`\n"
