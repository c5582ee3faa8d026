"""What other tools read of an export: pandas, a JSON reader, orbit-eval."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pandas
import pytest

from console.__main__ import main
from console.grammar import parser
from services.exports import csv_files, json_file, orbit
from services.exports.choosing import chosen
from services.exports.export import NAMES, export
from services.exports.tables import TABLES, Type
from services.folders import DataFolder
from services.refusal import Refusal
from sessions.models import SessionKind, Trial, Verdict
from tests.services.exports.conftest import BLINDED, EVALUATION, FORMULA, RECORDING, TRAINING
from tests.support.facts import session

READ = {
    "keep_default_na": False,
    "na_values": [""],
    "dtype_backend": "numpy_nullable",
    "float_precision": "round_trip",
}  # as --help says
DTYPES = {Type.TEXT: "string", Type.WHOLE: "Int64", Type.NUMBER: "Float64", Type.TRUTH: "boolean", Type.TIME: "string"}


def run(lab: DataFolder, *words: str) -> int:
    return main(["--data-dir", str(lab.root), "export", *words])


@pytest.fixture(scope="module")
def tables(lab: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pandas.DataFrame]:
    out = tmp_path_factory.mktemp("csv") / "out"
    assert run(lab, "--as", "csv", "--to", str(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(csv_files.NAMES)
    return {path.stem: pandas.read_csv(path, **READ) for path in out.glob("*.csv")}


def test_pandas_reads_every_table_with_its_types(tables: dict[str, pandas.DataFrame]) -> None:
    for table in TABLES:
        read = tables[table.name]
        assert list(read.columns) == [column.name for column in table.columns]
        for column in table.columns:
            if read[column.name].notna().any():
                assert str(read[column.name].dtype) == DTYPES[column.type], (table.name, column.name)
            if column.type is Type.TIME:
                assert str(pandas.to_datetime(read[column.name], utc=True).dtype).startswith("datetime64")
    assert list(tables["sessions"].session) == [RECORDING, TRAINING, EVALUATION, BLINDED], "the oldest first"
    assert tables["episodes"].accepted.tolist() == [True, False] and tables["episodes"]["flags"][0] == "late"
    trials = tables["trials"][tables["trials"].session == EVALUATION]
    assert trials.verdict.tolist() == ["success", "void", "failure"] and trials.counts.tolist() == [True, False, True]
    assert trials.failure_mode[trials.trial == 3].item() == "grasps air" and trials.episode.isna().all()
    rate = trials[trials.counts].verdict.eq("success").mean()
    assert rate == 0.5
    assert tables["checkpoints"].step.tolist() == [300]


def test_metrics_keep_every_digit_and_say_what_is_not_finite(tables: dict[str, pandas.DataFrame]) -> None:
    metrics = tables["metrics"]
    wide = metrics.pivot(index="step", columns="metric", values="value")
    assert wide.lr.tolist() == [1e-5] * 3 and wide.loss[100] == 1 / 100 and wide.loss[300] == 1 / 300
    assert wide.loss.isna().tolist() == [False, True, False], "the NaN of step 200"
    assert csv_files.cells((float("nan"), float("inf"))) == [None, float("inf")]


def test_no_text_is_a_formula_or_a_control_code_and_line_breaks_stay(tables: dict[str, pandas.DataFrame]) -> None:
    note = tables["notes"].iloc[0]
    assert note.text == "'" + FORMULA.replace("\x1b", "") and note.author == "'@anna"
    assert csv_files.cells(("+1", "-1", "@x", "=x", "\t=x", "\x1b=x", "1+1", "", None, 1, -1.5)) == [
        "'+1", "'-1", "'@x", "'=x", "'=x", "'=x", "1+1", "", None, 1, -1.5]  # fmt: skip


def test_the_columns_are_in_the_help_and_in_the_package(lab: DataFolder, tmp_path: Path) -> None:
    helped = parser()._subparsers._group_actions[0].choices["export"].format_help()  # type: ignore[union-attr]
    told = " ".join(helped.split())
    package = json.loads(csv_files.package())
    for table, described in zip(TABLES, package["resources"], strict=True):
        names = [column.name for column in table.columns]
        assert f"{table.name}.csv: {', '.join(names)} " in f"{told} "
        assert [field["name"] for field in described["schema"]["fields"]] == names
    assert ", ".join(orbit.HEADER) in told


def test_the_json_decodes_as_its_structs_and_has_a_schema(lab: DataFolder, tmp_path: Path) -> None:
    assert run(lab, RECORDING, TRAINING, "--as", "json", "--to", str(tmp_path)) == 0
    text = (tmp_path / json_file.FILE).read_text()
    assert text.isprintable() or set(text) - {c for c in text if c.isprintable()} == {"\n"}
    log = msgspec.json.decode(text, type=json_file.LabLog)
    assert [s.id for s in log.sessions] == [RECORDING, TRAINING]
    curve = log.curves[TRAINING]
    assert curve.step == (100, 200, 300) and curve.metrics["loss"] == (1 / 100, None, 1 / 300)
    schema = json.loads((tmp_path / json_file.SCHEMA).read_text())
    assert set(schema["$defs"]["LabLog"]["required"]) == {"version", "sessions", "curves"} == set(json.loads(text))


def test_trials_are_written_as_orbit_eval_writes_its_own(lab: DataFolder, tmp_path: Path,
                                                         capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    assert run(lab, "--as", "orbit", "--to", str(tmp_path)) == 0
    assert (tmp_path / "trials.csv").read_text().splitlines() == [
        "version,skill,episode,success,reason,block,started_utc",
        'act_v2 @ 020000,pick,0,1,,"sim, lamp, left",2026-02-17T14:20:01Z',
        'act_v2 @ 020000,pick,1,0,grasps air,"sim, lamp, left",2026-02-17T14:20:07Z',
    ]
    assert f"session {BLINDED} is blinded: unblind it first" in capsys.readouterr().err
    assert run(lab, BLINDED, "--as", "orbit", "--to", str(tmp_path / "b")) == 2
    assert not (tmp_path / "b").exists()


def test_two_checkpoints_of_one_name_are_two_versions() -> None:
    paths = [f"/{bench}/act/checkpoints/000010/pretrained_model" for bench in "ab"]
    trial = Trial(index=1, verdict=Verdict.SUCCESS)
    made = [session(f"s{n}", kind=SessionKind.EVAL, checkpoint=path, trials=(trial,)) for n, path in enumerate(paths)]
    assert [row[0] for row in orbit.rows(made)] == paths
    assert [row[2] for row in orbit.rows([made[0], made[0]])] == [0, 1]


def test_what_is_there_is_not_overwritten_unasked(lab: DataFolder, tmp_path: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    (tmp_path / "notes.csv").write_text("mine")
    assert run(lab, "--as", "csv", "--to", str(tmp_path)) == 2
    assert "notes.csv exists: choose another folder, or write --overwrite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.csv"]
    assert run(lab, "--as", "csv", "--to", str(tmp_path), "--overwrite") == 0
    assert (tmp_path / "notes.csv").read_text().startswith("session,note")


def test_the_logs_filter_chooses(lab: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [s.id for s in chosen(lab, [], "kind:train").sessions] == [TRAINING]
    assert [s.id for s in chosen(lab, ["last", RECORDING], "").sessions] == [RECORDING, BLINDED]
    with pytest.raises(Refusal, match="no session fits --where 'kind:bench'"):
        chosen(lab, [], "kind:bench")
    with pytest.raises(Refusal, match="--where: no kind is 'nonsense'"):
        chosen(lab, [], "kind:nonsense")
    with pytest.raises(Refusal, match="there is nothing to export"):
        chosen(DataFolder(tmp_path / "none"), [], "")


@pytest.mark.parametrize("kind", [*NAMES, "tensorboard"])
def test_no_export_names_a_blinded_policy(lab: DataFolder, kind: str, tmp_path: Path) -> None:
    """The request, which names them, lies in the run's folder, as a worker's does."""
    request = lab.run(BLINDED).request
    request.write_text('{"checkpoint": "/secret_policy"}')
    try:
        export(lab, chosen(lab, [], ""), kind, tmp_path / "out")
    except Refusal as refusal:
        assert kind == "tensorboard" and "is not installed" in str(refusal)
    finally:
        request.unlink()
    for path in tmp_path.rglob("*"):
        assert "secret_policy" not in path.name and (path.is_dir() or b"secret_policy" not in path.read_bytes())
