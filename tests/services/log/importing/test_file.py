"""An import file: seven trainings of one bench come in as they were written down; what is wrong is said by its key."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from console.__main__ import main
from services.folders import DataFolder
from services.live import events as ev
from services.log import logbook
from services.log.importing import history
from services.log.importing.file import read
from services.log.importing.kinds import TABLES
from services.log.page import page
from services.refusal import Refusal
from services.training.curves import Curves, Metric
from services.training.history import list_runs, open_run
from sessions.document import Session, Training
from sessions.models import SessionKind

HISTORY = Path(__file__).parents[3] / "bench_history.toml"
SMALLEST = '[[dataset]]\nkey = "A"\nname = "cubes"\ncameras = ["wrist"]\nepisodes = 3\n[[training]]\n'
SMALLEST += 'key = "A1"\npolicy = "act"\ndataset = "A"\nsteps = 100\n'


def text_of(session: Session) -> str:
    return "\n".join(f"{row.name}: {row.text}" for section in page(session).sections for row in section.rows)


def brought_in(folder: DataFolder, file: Path = HISTORY) -> dict[str, Session]:
    assert main(["--data-dir", str(folder.root), "import", str(file)]) == 0
    return {s.started.import_key: s for s in logbook.sessions(folder).sessions if s.kind is SessionKind.TRAIN}


def trained(session: Session) -> Training:
    assert session.training is not None
    return session.training


def test_seven_trainings_of_a_bench_come_in_with_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = DataFolder(tmp_path)
    found = brought_in(folder)
    said = capsys.readouterr().out
    assert "7 trainings (B1, B2, C1, D1, D2, D3, D4), 8 evaluations (" in said and ", 1 bench (bench): 22 added" in said
    assert "6 recordings (A recorded, B recorded, C recorded, D recorded, Dw copied, E recorded)" in said
    shown = {key: text_of(session) for key, session in found.items()}
    assert list(found) == ["D4", "D3", "D2", "D1", "C1", "B2", "B1"]
    seconds = {key: session.ended.took_s for key, session in found.items() if session.ended}
    assert seconds == {
        "B1": 34_680, "B2": 43_200, "C1": 35_880, "D1": 37_440, "D2": 37_800, "D3": 36_000, "D4": 20_280,
    }  # fmt: skip
    losses = {key: trained(session).loss for key, session in found.items()}
    assert losses == {"B1": 0.006, "B2": 0.046, "C1": 0.006, "D1": 0.005, "D2": 0.052, "D3": 0.006, "D4": 0.006}
    norms = {key: trained(session).metrics["grad_norm"] for key, session in found.items()}
    assert norms == {"B1": 0.12, "B2": 3.6, "C1": 0.12, "D1": 0.11, "D2": 3.915, "D3": 0.109, "D4": 0.111}
    epochs = {key: round(trained(session).epochs, 1) for key, session in found.items()}
    assert epochs == {"B1": 57.0, "B2": 57.0, "C1": 52.8, "D1": 57.1, "D2": 57.1, "D3": 57.1, "D4": 57.1}
    assert "cameras: wrist, without overhead, still decoded" in shown["C1"] and "still decoded" in shown["D3"]
    assert "cameras: wrist\n" in shown["D4"] and "cameras: wrist, overhead" in shown["B1"]
    assert "step time: 1.73 s, 1.19 update + 0.53 data" in shown["B1"]
    assert "step time: 1.7 s, 0.95 data" in shown["D3"] and "step time: 1.2 s\n" in shown["D2"]
    assert "schedule: cosine, learning rate from 1e-4 to 2.7e-5" in shown["B1"]
    assert "images: 512x512, resize_with_pad: aspect ratio preserved, padded" in shown["C1"]
    assert (
        "flags: --exclude-cameras overhead" in shown["C1"]
        and "images: 224x224" in shown["D2"]
        and "images: not recorded" in shown["D3"]
    )
    assert "learnt from: 81 of 81 episodes, 24,252 frames" in shown["C1"] and "RTX 3090" in shown["C1"]
    assert found["B2"].cut_short and found["B2"].end_reason == "stopped at step 40000 of 50000"
    assert "resumed at step 10,000" in shown["D1"] and "notes: about 12 hours" in shown["B2"]
    assert [c.step for c in trained(found["D2"]).checkpoints] == list(range(1_000, 20_001, 1_000))
    assert {c.bytes for c in trained(found["B1"]).checkpoints} == {865_000_000}
    assert all("1970" not in text and "not recorded" in text for text in shown.values())


def test_what_was_imported_opens_as_a_run_with_its_points(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    brought_in(folder)
    runs = {run.name: run for run in list_runs(folder).runs}
    assert set(runs) == {"B1", "B2", "smolvla_so101_10cm_v2_wrist", "D1", "D2", "D3", "D4"}
    opened = open_run(folder, runs["D1"])
    curves = Curves(opened.metrics)
    curves.read()
    assert curves.steps.tolist() == [5_000, 10_000, 15_000, 20_000]
    assert curves.column(Metric.LOSS).tolist() == [0.011, 0.010, 0.007, 0.005]
    assert curves.column(Metric.GRAD_NORM).tolist() == [0.18, 0.19, 0.13, 0.11]
    assert opened.last_lines == () and not opened.snapshot.running


def test_importing_again_adds_nothing_and_a_mended_value_is_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = DataFolder(tmp_path / "lab"), tmp_path / "history.toml"
    file.write_text(HISTORY.read_text())
    brought_in(folder, file)
    brought_in(folder, file)
    assert "22 in the log already" in capsys.readouterr().out
    file.write_text(HISTORY.read_text().replace("minutes = 338", "minutes = 340"))
    found = brought_in(folder, file)
    assert "1 corrected, 21 in the log already" in capsys.readouterr().out
    assert len(found) == 7 and found["D4"].ended is not None and found["D4"].ended.took_s == 340 * 60
    assert [note.text for note in found["B2"].notes][:2] == ["about 12 hours", "batch 64 ran out of 24 GB: 602 tokens"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('polcy = "act"', "training A1: 'polcy' is not known; did you mean policy?"),
        ("batch_size = 1.5", "training A1: batch_size: expected a whole number, got a number"),
        ('dataset = "Aa"', "is no TOML: Cannot overwrite a value"),
        ('cameras = ["wirst"]', "training A1: cameras: dataset A has no camera 'wirst'; did you mean wrist?"),
        ("points = [{ step = 1, los = 0.1 }]", "training A1: points[0]: 'los' is not known; did you mean loss?"),
        ("points = [{ step = 200, loss = 0.1 }]", "step 200 is after the last of the 100 steps that were made"),
        ("points = [{ step = 20 }]", "the point at step 20 has no value"),
        ('date = "last week"', "date is 'last week': write a day such as 2026-02-17"),
        ("hours = 1\nminutes = 60", "give hours or minutes, not both"),
        ("step_s = -1.0", "step_s is -1.0: write seconds above 0"),
        ("update_s = 0", "update_s: expected a number > 0"),
        ("grad_norm = nan", "grad_norm is nan"),
        ("left_out_cameras_decoded = true", "left_out_cameras_decoded needs cameras_left_out"),
        ("episodes_left_out = [7]", "there is no episode 7: dataset A has 3, numbered from 0"),
        ('[[training]]\nkey = "A1"\npolicy = "act"\ndataset = "A"\nsteps = 5', "this key occurs 2 times"),
        ('[[training]]\nkey = "A2"\nsteps = 5\ndataset = "A"', "training A2: policy is missing"),
        ('[[training]]\nkey = "A2"\npolicy = "x"\nsteps = 5\ndataset = "B"', "no [[dataset]] with key 'B'"),
        ('[[trainings]]\nkey = "A2"', "'trainings' is not known"),
        (
            '[other]\nkey = "A2"',
            "'other' is not known: an import file has [[dataset]], [[recording]], [[training]], [[evaluation]], [[",
        ),
        ("x = [", "is no TOML"),
    ],
)
def test_what_is_wrong_is_said_by_table_and_key_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, said: str
) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    file.write_text(SMALLEST + wrong + "\n")
    assert main(["--data-dir", str(folder.root), "import", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"{said}" in error and "h.toml" in error and "nothing was imported" in error, error
    assert not folder.root.exists()


def test_files_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe[[training]]")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "deep.toml").write_text("a" + ".b" * 50_000 + " = 1")
    (tmp_path / "many.toml").write_text("[[training]]\n" * 5_000)
    os.mkfifo(tmp_path / "pipe.toml")
    for name, said in (
        ("missing", "No such file"),
        (".", "is no LeRobot dataset and no output folder of a training: no checkpoints and no log are in it"),
        ("pipe.toml", "Not a file"),
        ("bytes.toml", "UTF-8"),
        ("deep.toml", "a key in it has over 200 parts"),
        ("many.toml", "4,900 more things are wrong with it"),
        ("empty.toml", "no [[recording]], no [[training]"),
    ):
        assert main(["--data-dir", str(tmp_path / "lab"), "import", str(tmp_path / name)]) == 2
        assert said in capsys.readouterr().err


VALUES = (
    "0", "1", "-1", "7", "1.5", "-0.0", "nan", "-inf", "1e300", "9223372036854775807", "99999999999999999999999",
    "true", '""', '"x"', '"\\u001b[2J"', "[]", "[1]", "[1, 2]", "[1.5, 2.5, 3.5]", '["wrist"]', "[[1]]", "{}",
    "{ step = 1 }", "{ wrist = 90.5 }", '[{ name = "wrist" }]', '[{ name = "wrist", fault_from = 1 }]',
    "[{ episodes = [1, 1] }]", "[{ count = 2 }]", "[{ episodes = 2 }]", '[{ light = "x", episodes = 9 }]',
    '[{ what = "\\u001b[2J" }]',
    "[{ step = 1, loss = nan }]", "[{ step = 1, loss = inf, lr = 1 }]", "2026-02-30", "2026-02-17", "0001-01-01",
    "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "07:32:00", '"not recorded"',
)  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_no_value_of_any_key_does_worse_than_be_refused(tmp_path: Path, kind: str) -> None:
    file, taken = tmp_path / "h.toml", 0
    dataset = {"key": '"A"', "name": '"cubes"', "cameras": '["wrist"]', "episodes": "3"}
    training = {"key": '"A1"', "policy": '"act"', "dataset": '"A"', "steps": "100"}
    evaluation = {"key": '"E1"', "training": '"A1"', "successes": "1", "trials": "3"}
    recording = {"key": '"R1"', "dataset": '"A"'}
    plain = {"dataset": dataset, "recording": recording, "training": training, "evaluation": evaluation}
    plain["bench"] = {"key": '"b"', "name": '"SO-101"'}
    keys = TABLES[kind].__struct_fields__
    for key, value in product(keys, VALUES):
        written = plain | {kind: plain[kind] | {key: value}}
        lines = [f"[[{name}]]\n" + "".join(f"{k} = {v}\n" for k, v in of.items()) for name, of in written.items()]
        file.write_text("".join(lines))
        try:
            found = read(file)
            made = history.imports(found)
        except Refusal as refusal:
            assert "h.toml" in str(refusal) and "\x1b" not in str(refusal)
            continue
        assert [ev.decode(ev.encode(event)) for each in made for event in each.events]
        taken += 1
    assert taken > len(keys)


def test_only_what_is_written_is_known_and_markup_stays_text(tmp_path: Path) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    file.write_text(SMALLEST + 'name = "[red]x[/]\\u001b[2J"\nhours = "not recorded"\ndate = 2026-02-19\n')
    found = read(file)
    assert found.trainings[0].hours is None
    (session,) = brought_in(folder, file).values()
    assert session.started_utc == "2026-02-19" and session.id.startswith("20260219-000000-")
    shown = text_of(session)
    assert "learnt from: of 3 episodes, which of them is not recorded" in shown
    assert "took" not in shown and "loss:" not in shown and "batch size not recorded" in shown
    assert list_runs(folder).runs[0].name == "[red]x[/]"
