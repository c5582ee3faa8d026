"""Keeping a watched run as a session, and the verb that does it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import console.commands.watch as verb
from console.__main__ import main
from screens.views.watched import parts
from services.folders import DataFolder
from services.live.event_log import EventLog
from services.live.metrics import encode_point
from services.live.requests import TrainRequest, write_request
from services.log import logbook
from services.refusal import Refusal
from services.training.curves import Curves, Metric
from services.training.watching.keeping import keep
from services.training.watching.log_file import LogFile
from services.training.watching.output_folder import OutputFolder
from services.training.watching.watched_run import snapshot_of, standing
from sessions.models import SessionStatus
from tests.services.training.watching.logs import head, line, log, message
from tests.services.training.watching.test_sources import checkpoint
from tests.support.runs import ended, make_folder, session_id, started


def test_a_log_is_kept_once_and_brought_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, home = tmp_path / "train.log", tmp_path / "home"
    path.write_text(head() + log(range(200, 1001, 200)) + log([200, 400], loss=0.9))
    assert main(["watch", str(path), "--json", "--keep", "--data-dir", str(home)]) == 0
    printed = capsys.readouterr()
    rows = [json.loads(each) for each in printed.out.splitlines()]
    assert [(row["run"], row["step"], row["exact"], row["samples"]) for row in rows[-3:]] == [
        (1, 1000, True, 8000), (2, 200, True, 1600), (2, 400, True, 3200),
    ]  # fmt: skip
    assert rows[0] == {
        "run": 1, "step": 200, "exact": True, "samples": 1600,
        "metrics": {"loss": 0.5, "grad_norm": 0.12, "lr": 2.7e-5, "update_s": 1.19, "data_s": 0.55},
    }  # fmt: skip
    assert printed.err.count("kept") == 2
    folder = DataFolder(home)
    first = {s.id for s in logbook.sessions(folder).sessions}
    assert len(first) == 2
    text = head() + log(range(200, 1001, 200)) + line(9, message(1200)) + line(10, "End of training")
    path.write_text(text)
    assert main(["watch", str(path), "--keep", "--data-dir", str(home)]) == 0
    assert "brought up to date" in capsys.readouterr().err
    sessions = {s.id: s for s in logbook.sessions(folder).sessions}
    assert sessions.keys() == first, "kept again, it is the same session"
    (kept,) = [s for s in sessions.values() if s.training and s.training.step == 1200]
    assert (kept.status, kept.started.imported) == (SessionStatus.FINISHED, str(path))
    assert (kept.dataset, kept.training.started.policy) == ("lab/cubes", "act")
    config = kept.training.started.config
    assert (config["dataset"], config["batch_size"]) == ({"repo_id": "lab/cubes"}, 8), "without its list of episodes"
    assert config["policy"]["mapping"] == {"ACTION": "MEAN_STD"}
    curves = Curves(folder.run(kept.id).metrics)
    curves.read()
    assert list(curves.steps) == list(range(200, 1201, 200))
    assert set(curves.column(Metric.DATALOADING_S)) == {0.55}
    assert main(["watch", str(path), "--keep", "--data-dir", str(home)]) == 0
    assert "was kept before" in capsys.readouterr().err


def test_a_configuration_that_json_cannot_hold_is_kept_all_the_same(tmp_path: Path) -> None:
    odd = head().replace("'type': 'act'", "'type': 'act\\ud800', 'n': 1e999, 'b': b'x', 'i': 9" + "9" * 40)
    (tmp_path / "odd.log").write_text(odd + log([200]))
    folder = DataFolder(tmp_path / "home").create()
    source = LogFile(tmp_path / "odd.log")
    source.read()
    keep(folder, source)
    (kept,) = logbook.sessions(folder).sessions
    assert kept.training is not None
    policy = kept.training.started.config["policy"]
    assert (policy["type"], policy["n"], policy["b"]) == ("act?", "inf", "b'x'")


def test_what_has_no_point_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "build.log"
    path.write_text("make: nothing to be done\n")
    assert main(["watch", str(path), "--json", "--data-dir", str(tmp_path / "home")]) == 1
    assert "no log point of a training" in capsys.readouterr().err
    assert main(["watch", str(tmp_path / "gone"), "--data-dir", str(tmp_path / "home")]) == 2


def test_a_training_of_ours_without_a_point_is_waited_for_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path)
    run = folder.run(session_id(1))
    run.root.mkdir(parents=True)
    write_request(run, TrainRequest(data_dir=str(folder.root), dataset="cubes", policy="act", name="a", steps=1))
    words = ["watch", "last", "--json", "--data-dir", str(folder.root)]

    def point() -> None:
        run.metrics.write_bytes(encode_point(step=1, at=0.0, samples=1, epochs=0.0, metrics={"loss": 0.5}))

    waits: list[Callable[[], None]] = [lambda: None, point]
    monkeypatch.setattr(verb, "SILENT_S", -1.0)
    monkeypatch.setattr(verb, "_wait", lambda _: waits.pop(0)())
    with EventLog(run) as events:
        events.append(started(session_id(1)))
        assert main(words) == 0
        said = capsys.readouterr()
        assert said.err.count("no log point yet; waiting for the first (Ctrl-C ends)") == 1
        assert json.loads(said.out)["step"] == 1
        run.metrics.write_bytes(b"")
        events.append(ended(SessionStatus.ABORTED))
    assert main(words) == 1
    assert "it ended before its first log point: finished by the operator" in capsys.readouterr().err


def test_checkpoints_alone_are_told_with_what_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "act_cubes"
    for step in range(200, 2000, 200):
        checkpoint(root, step)
    told = (
        r"act on lab/cubes: 9 checkpoints of 0 kB, at step 200, 400, \.\.\., 1,600, 1,800 of 2,000, the last one "
        r"\d+ s ago; loss and learning rate are not known: no log, TensorBoard or W&B file is there"
    )
    for form in ("--json", "--keep"):
        ends = main(["watch", str(root), form, "--data-dir", str(tmp_path / "home")])
        out, err = capsys.readouterr()
        assert not out and re.search(told, err), err
        assert ends == (0 if form == "--json" else 2)
    source = OutputFolder(root)
    shown = snapshot_of(str(root), source.runs[0])
    assert shown.training is not None and shown.training.step == 1800
    (part, *_) = parts(standing(source, source.runs[0]), now=1e12)
    assert part.text.startswith("checkpoints only: no log")
    with pytest.raises(Refusal, match=f"it lies in {root}, an output folder that can be watched"):
        OutputFolder(root / "checkpoints" / "000200" / "pretrained_model")
