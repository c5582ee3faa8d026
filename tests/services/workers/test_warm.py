"""A worker that loads before it has a session: when it is used, when it goes, and that nobody can tell afterwards."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

import services.live.launch
from services import arm_commands
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import warm
from services.live.event_log import is_live, read_events
from services.live.phases import Phase
from services.live.requests import Purpose
from services.workers import warm as warm_worker
from services.workers.warm import LOADED
from sessions.locks import is_held
from tests import ROOT
from tests.support.evaluating import checkpoint, evaluate
from tests.support.rig import Rig, gone, wait_until

pytestmark = pytest.mark.xdist_group("test_warm.py")


@pytest.fixture
def kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A rig whose console keeps workers warm; none is left."""
    monkeypatch.setenv(warm.SWITCH, "1")
    yield rig
    warm.drop(rig.folder)


def keep(rig: Rig, policy: str | None = None) -> psutil.Process:
    """Have a warm worker, in whatever state of loading; its process."""
    warm.keep(rig.folder, rig.small(), policy)
    return psutil.Process(warm._kept[rig.folder.root].pid)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def wait_loaded(folder: DataFolder, *words: str, seconds: float = 90.0) -> None:
    log = folder.root / "warm.log"
    wait_until(
        lambda: all(word in log.read_text() for word in words), seconds, f"{words} not in {log.read_text()[-2000:]}"
    )


def hand_over(rig: Rig) -> bool:
    """To a run that asks for a recording, without starting one where no warm worker takes it."""
    cold: list[RunFolder] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.live.launch, "spawn", lambda run, module: cold.append(run))
        rig.record()
    return not cold


# --- when it is used, and when it is dropped ---------------------------------------------------------


def _other_environment(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("HF_LEROBOT_HOME", str(folder))


def _other_lab_toml(patch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "lab.toml").write_text("# another\n")


def _other_versions(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(warm.metadata, "version", lambda name: "7.0" if name == "lerobot" else "1")


def _other_folder(patch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    patch.chdir(folder / "elsewhere")


@pytest.mark.parametrize("change", [_other_environment, _other_lab_toml, _other_versions, _other_folder])
def test_it_is_dropped_where_a_cold_worker_would_start_otherwise(
    kept: Rig, change: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    process = keep(kept)
    change(monkeypatch, tmp_path)
    assert not hand_over(kept)
    assert is_gone(process) and not is_held(kept.folder.root / "warm.lock")


def test_a_form_that_opens_again_after_a_change_has_a_new_one(kept: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keep(kept)
    assert keep(kept) == first
    monkeypatch.setenv("LEROBOT_ANYTHING", "else")
    assert keep(kept) != first and is_gone(first)


def test_none_is_started_where_memory_is_low_or_nobody_wants_one(kept: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(warm.SWITCH, "0")
    warm.keep(kept.folder, kept.small())
    monkeypatch.setenv(warm.SWITCH, "1")
    monkeypatch.setattr(warm, "free_bytes", lambda: warm.NEEDS_BYTES - 1)
    warm.keep(kept.folder, kept.small())
    assert not warm._kept


def test_a_second_console_at_the_same_data_folder_starts_none(kept: Rig) -> None:
    keep(kept)
    code = f"""
from pathlib import Path
from services.live import warm
from tests.support.rig import Rig
rig = Rig(Path({str(kept.folder.root)!r}))
warm.keep(rig.folder, rig.small())
print(len(warm._kept))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_it_holds_nothing_and_goes_first_where_memory_runs_out(kept: Rig) -> None:
    process = keep(kept)
    score = Path(f"/proc/{process.pid}/oom_score_adj")
    wait_until(lambda: score.read_text().strip() == "1000", 20)
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    assert str(process.pid) not in {line[4] for line in locks}


class Loads:
    """A loader that has nothing to do."""

    session_started = False

    def load(self, profile: Any) -> None: ...


def waits(rig: Rig, *, say: bytes | None = None) -> Any:
    """What a worker does that reads `say` (b'' is the end of its console)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        if say == b"":
            ours.close()
        elif say is not None:
            ours.send(say)
        return warm_worker._wait(theirs, Loads())  # type: ignore[arg-type]


def test_it_leaves_with_its_console_after_a_while_where_memory_is_low_and_at_words_it_does_not_know(
    kept: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_worker, "MEMORY_POLL_S", 0.01)
    assert waits(kept, say=b"") is None
    for odd in (b"{", warm_order(kept, module="services.workers.train"), warm_order(kept, run="/nowhere")):
        assert waits(kept, say=odd) is None
    with monkeypatch.context() as patch:
        patch.setattr(warm_worker, "IDLE_S", 0.05)
        assert waits(kept) is None
    with monkeypatch.context() as patch:
        patch.setattr(warm_worker, "free_bytes", lambda: warm.SPARE_BYTES - 1)
        assert waits(kept) is None


def warm_order(rig: Rig, *, module: str = "services.workers.record", run: str = "") -> bytes:
    return msgspec.json.encode(warm.Become(module=module, run=run or str(rig.folder.runs)))


# --- whatever is wrong with it, the session starts -----------------------------------------------------


@pytest.mark.parametrize("wrong", [signal.SIGKILL, signal.SIGSTOP])
def test_where_it_died_or_hangs_the_session_starts_cold_at_once(kept: Rig, wrong: signal.Signals) -> None:
    process = keep(kept)
    process.send_signal(wrong)
    assert not hand_over(kept)
    assert is_gone(process)


def test_one_that_cannot_load_says_why_in_its_log_only(kept: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    (kept.folder.root / "tmp").write_text("a file where it needs a folder")
    process = keep(kept)
    wait_until(lambda: is_gone(process), 20)
    assert not hand_over(kept)
    assert "FileExistsError" in (kept.folder.root / "warm.log").read_text()
    assert "FileExistsError" not in "".join(capfd.readouterr())


def test_a_bench_session_that_is_ordered_while_it_still_loads_begins_warm(kept: Rig) -> None:
    process = keep(kept)
    run = arm_commands.begin(kept.folder, kept.small(), Purpose.HOLD)
    wait_until(lambda: run.events.exists() and kept.snapshot(run).started is not None, 20)
    assert kept.pid(run) == process.pid
    wait_until(lambda: kept.snapshot(run).phase.value in ("held", "idle"), 60)


# --- a session that began warm ---------------------------------------------------------------------------


class Began:
    """A session, the console process that launched it, and what the kernel says of its worker."""

    def __init__(self, root: Path, how: str) -> None:
        self.rig = Rig(root)
        outside, inside = pty.openpty()
        self.console = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm_console", str(root), how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=inside, cwd=ROOT, text=True, start_new_session=True,
        )  # fmt: skip
        os.close(inside)
        self.terminal = outside
        self.warm_pid = int(self._line())
        if self.warm_pid:
            wait_loaded(self.rig.folder, LOADED, "loaded LeRobot")
            wait_until(lambda: len(psutil.Process(self.warm_pid).children()) <= 1, 20, "the world's starter stays")
            self.policy = psutil.Process(self.warm_pid).children()
        assert self.console.stdin is not None
        self.console.stdin.write("demo\n")
        self.console.stdin.flush()
        self.run = self.rig.folder.run(self._line().strip())
        wait_until(lambda: is_live(self.run) and self.rig.snapshot(self.run).phase is Phase.IDLE, 60)
        self.pid = self.rig.pid(self.run)
        self.facts = _facts(self.pid, root)

    def _line(self) -> str:
        assert self.console.stdout is not None
        return self.console.stdout.readline()

    def close(self) -> None:
        self.console.kill()
        self.console.wait()
        with suppress(OSError):
            os.close(self.terminal)
        self.rig.close()


def _facts(pid: int, root: Path) -> dict[str, Any]:
    """What a process has from its start, as far as it does not differ from one process to the next."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    process = psutil.Process(pid)
    open_files = sorted(
        str(link.readlink()).replace(str(root), "ROOT").split(":[")[0] for link in Path(f"/proc/{pid}/fd").iterdir()
    )
    return {
        "signals": {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt")},
        "umask": status["Umask"],
        "session": os.getsid(pid) == os.getpgid(pid) == pid,
        "oom": Path(f"/proc/{pid}/oom_score_adj").read_text(),
        "nice": process.nice(),
        "cwd": process.cwd(),
        "terminal": process.terminal(),
        "environment": {k: v for k, v in process.environ().items() if k not in (warm.SWITCH, "PYTEST_CURRENT_TEST")},
        "files": [re.sub(r"/runs/[^/]+|[^/]+\.lock$|[^/]+\.frames$", "/OWN", name) for name in open_files],
        "children": [child.name() for child in process.children()],
    }


@pytest.fixture(scope="module")
def warm_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Began]:
    """Loaded, with a policy process beside it, and then used for a recording."""
    began = Began(tmp_path_factory.mktemp("one") / "lab", "warm")
    yield began
    began.close()


@pytest.fixture(scope="module")
def cold_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Began]:
    began = Began(tmp_path_factory.mktemp("two") / "lab", "cold")
    yield began
    began.close()


def test_the_warm_worker_is_the_worker(warm_session: Began) -> None:
    assert warm_session.pid == warm_session.warm_pid
    assert warm_session.run.log.exists() and "cannot" not in warm_session.run.log.read_text()


def test_the_kernel_cannot_tell_it_from_a_cold_one(warm_session: Began, cold_session: Began) -> None:
    ours, theirs = dict(warm_session.facts), dict(cold_session.facts)
    assert not [name for name in ours["files"] if "warm" in name]
    assert ours == theirs


def test_a_policy_process_that_the_session_does_not_need_is_gone(warm_session: Began) -> None:
    assert len(warm_session.policy) == 1 and is_gone(warm_session.policy[0])


def test_it_tells_what_a_cold_one_tells(warm_session: Began, cold_session: Began) -> None:
    def told(began: Began) -> list[dict[str, Any]]:
        events = read_events(began.run.events)
        ready = next(
            at for at, e in enumerate(events) if isinstance(e, ev.PhaseChanged) and e.phase == Phase.IDLE.value
        )
        rows = [msgspec.to_builtins(event) for event in events[: ready + 1]]
        for row in rows:
            for name in ("at", "pid", "id", "dataset_root", "request", "lay"):
                row.pop(name, None)
        return rows

    assert told(warm_session) == told(cold_session)


def test_it_outlives_its_console_and_the_terminal_and_can_be_used_once(warm_session: Began) -> None:
    began = warm_session
    began.console.kill()  # the last that uses the fixture's console
    began.console.wait()
    os.close(began.terminal)
    os.kill(began.pid, signal.SIGHUP)
    assert is_live(began.run) and not is_held(began.rig.folder.root / "warm.lock")
    os.kill(began.pid, signal.SIGTERM)
    wait_until(gone(began.run), 60)
    assert not began.rig.snapshot(began.run).running


def test_it_goes_with_a_console_that_is_killed(tmp_path: Path) -> None:
    console = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm_console", str(tmp_path / "lab"), "warm"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    assert console.stdout is not None
    process = psutil.Process(int(console.stdout.readline()))
    wait_until(lambda: bool(process.children()), 30, "no policy process")
    policy = process.children()[0]
    console.send_signal(signal.SIGKILL)
    console.wait()
    wait_until(lambda: is_gone(process) and is_gone(policy), 20)


def test_an_evaluation_begins_warm_once(kept: Rig) -> None:
    policy = checkpoint(kept, cube=False, cameras={"wrist": (96, 72)})
    process = keep(kept, policy="act")
    wait_loaded(kept.folder, LOADED, "loaded act")
    wait_until(lambda: len(process.children()) == 1, 20, "the world's starter stays")
    [loaded] = process.children()
    run = evaluate(kept, kept.small(), policy=policy, lockstep=False)
    wait_until(lambda: is_live(run) and kept.snapshot(run).phase is Phase.IDLE, 60)
    assert kept.pid(run) == process.pid and loaded in process.children()
    assert not hand_over(kept), "it can be used once"
    os.kill(process.pid, signal.SIGTERM)
    wait_until(lambda: is_gone(process) and is_gone(loaded), 60)
