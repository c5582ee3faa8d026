"""`log verify` and `verify` at 10,000 sessions, and what a dataset's revision costs the first time and again.

    uv run python -m tests.bench.bench_verify [--sessions 10000]

Half of the sessions are recordings of 20 episodes into 20 datasets, a quarter trainings, a quarter evaluations.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets.revision import revision, rows_of
from services.folders import DataFolder
from services.lineage.log_check import check_log
from services.lineage.verify import verify
from services.log import logbook, scribe
from sessions.models import SessionKind
from tests.support import facts, plain_datasets
from tests.support.runs import ended, saved, started, write_run

DATASETS, EPISODES, FRAMES = 20, 1_000, 300


def timed(name: str, act: Callable[[], Any]) -> Any:
    """What it returns; its seconds are printed."""
    began = time.perf_counter()
    result = act()
    print(f"  {name:46} {time.perf_counter() - began:8.3f} s", flush=True)
    return result


def make_log(folder: DataFolder, sessions: int) -> None:
    """Run folders, datasets and one policy of each training."""
    for number in range(DATASETS):
        plain_datasets.make(folder.datasets / f"set{number}", [float(n) for n in range(40)])
        policy = folder.trainings / f"act_{number}/checkpoints/000001/pretrained_model"
        policy.mkdir(parents=True)
        (policy / "model.safetensors").write_bytes(bytes(5_000_000))
    for number in range(sessions):
        name = f"20260101-{number // 3600:02}{number // 60 % 60:02}{number % 60:02}-{number:04x}"
        told = {"data_dir": str(folder.root), "at": facts.BEGAN + number}
        output = folder.trainings / f"act_{number % DATASETS}"
        step = output / "checkpoints/000001"
        match number % 4:
            case 2:
                begun = started(name, kind=SessionKind.TRAIN, dataset=f"set{number % DATASETS}", **told)
                training = facts.training(output_dir=str(output)).started
                write_run(folder, name, begun, training, facts.checkpoint_saved(1, path=str(step)), ended())
            case 3:
                path = str(step / "pretrained_model")
                write_run(folder, name, started(name, kind=SessionKind.EVAL, checkpoint=path, **told), ended())
            case _:
                episodes = [saved(n, frames=plain_datasets.ROWS) for n in range(20)]
                write_run(folder, name, started(name, dataset=f"set{number % DATASETS}", **told), *episodes, ended())
    scribe.fold(folder)


def make_dataset(root: Path) -> None:
    """The tables of 1,000 episodes of 10 s of six joints, in ten files."""
    for part in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / part).mkdir(parents=True)
    share = EPISODES // 10
    for file in range(10):
        rows = share * FRAMES
        joints = [pa.FixedSizeListArray.from_arrays(pa.array(np.random.rand(rows * 6).astype("f4")), 6) for _ in "ab"]
        numbers = np.repeat(np.arange(file * share, (file + 1) * share), FRAMES)
        table = pa.table({"episode_index": numbers, "action": joints[0], "observation.state": joints[1]})
        pq.write_table(table, root / f"data/chunk-000/file-{file:03}.parquet")
    told = {"episode_index": range(EPISODES), "length": [FRAMES] * EPISODES, "tasks": [["pick"]] * EPISODES}
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    pq.write_table(pa.table({key: pa.array(values) for key, values in told.items()}), path)


def main() -> None:
    """Make everything in a folder that goes, and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=10_000)
    count = parser.parse_args().sessions
    with tempfile.TemporaryDirectory() as path:
        folder = DataFolder(Path(path) / "lab").create()
        make_log(folder, count)
        print(f"{count:,} sessions")
        timed("log verify", lambda: check_log(folder))
        timed("log verify, again in the same process", lambda: check_log(folder))
        log = logbook.sessions(folder).sessions
        timed("verify of every session", lambda: list(verify(folder, log, ())))
        make_dataset(root := Path(path) / "set")
        print(f"{EPISODES:,} episodes, {EPISODES * FRAMES:,} frames")
        rows = timed("digests of all episodes", lambda: rows_of(root, EPISODES))
        timed("the same again", lambda: rows_of(root, EPISODES))
        timed("revision of them", lambda: revision(rows, {}, 30, range(EPISODES)))
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
