"""`sessions --json`: what it prints, and the schema that says so."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from console.__main__ import main
from services.folders import DataFolder
from services.live import events as ev
from services.log import logbook
from services.log.listing import ListedSession, as_json, schema
from services.log.logbook import add_note
from sessions.models import Measured, SessionKind, Verdict
from tests.support.facts import checkpoint_saved, training
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

ID = session_id(1)
FLAT = (
    "id", "kind", "status", "started_utc", "ended_utc", "end_reason", "operator", "host", "bench", "task", "dataset",
    "dataset_root", "checkpoint", "trained_in", "target", "accepted", "rejected",
    "reset",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Any) -> DataFolder:
    """A recording, a training, an evaluation and a bench session that runs."""
    folder = make_folder(tmp_path)
    recording = started(ID, operator="anna", versions={"lerobot": "0.6.1"}, target=7)
    lost = ev.TakeLost(take=2, reason="a full disk", where="/q")
    write_run(folder, ID, recording, saved(0, flags=("late",)), lost, saved(1, take=3, accepted=False), ended())
    add_note(folder, ID, "belt slipped", "anna")
    begun = training(excluded_cameras=("overhead",)).started
    progress = ev.TrainingProgressed(step=50, metrics={"loss": 0.25})
    write_run(
        folder, session_id(2), started(session_id(2), kind=SessionKind.TRAIN), begun, progress, checkpoint_saved(50)
    )
    trial = (ev.TakeStarted(take=1), ev.TakeEnded(take=1, frames=9, reason="key"), saved(0))
    judged = ev.TrialJudged(trial=1, verdict=Verdict.FAILURE, judge="anna")
    loaded = ev.PolicyLoaded(checkpoint="A", policy="act", device="cpu", parameters=7, start_pose={"gripper": 5.0})
    blinded = {"checkpoint": "A", "further_checkpoints": ("B",), "blinded": True}
    unblinded = ev.Unblinded(by="anna", checkpoints=("/c", "/d"), measured={1: Measured(infer_ms=7.0)})
    evaluation = started(session_id(3), kind=SessionKind.EVAL, **blinded)
    write_run(folder, session_id(3), evaluation, loaded, *trial, judged, unblinded, ended())
    write_run(folder, session_id(4), started(session_id(4), kind=SessionKind.BENCH), ended())
    return folder


def printed(folder: DataFolder, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    assert main(["--data-dir", str(folder.root), "sessions", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_scripts_ask_most_comes_flat_and_everything_that_was_told_follows(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = printed(folder, capsys, "--kind", "record")
    assert tuple(row)[: len(FLAT)] == FLAT
    assert (row["id"], row["kind"], row["status"], row["target"]) == (ID, "record", "finished", 7)
    assert (row["accepted"], row["rejected"], row["dataset_root"]) == (1, 1, "/data/datasets/cubes")
    assert row["episodes"][0] == {
        "index": 0, "take": 1, "frames": 200, "seconds": 6.7, "accepted": True, "flags": ["late"], "retried": {},
        "why": "", "marked_by": "", "moments": [], "strategy": "", "light": {}, "grasp": None,
    }  # fmt: skip
    assert row["lost"][0]["where"] == "/q"
    assert row["notes"][0]["text"] == "belt slipped" and row["started"]["versions"] == {"lerobot": "0.6.1"}
    assert row["started"]["request"]["operator"] == "anna"


def test_every_printed_session_fits_the_schema_and_has_no_key_outside_of_it(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    told = printed(folder, capsys, "--schema")
    rows = printed(folder, capsys)
    assert {row["kind"] for row in rows} == {"record", "train", "eval", "bench"}
    assert [row["unblinded"]["measured"]["1"]["infer_ms"] for row in rows if row["unblinded"]] == [7.0]
    check(rows, told, told["$defs"])
    assert json.loads(msgspec.json.encode(msgspec.json.decode(json.dumps(rows), type=list[ListedSession]))) == rows


def test_a_key_that_no_struct_has_does_not_fit(folder: DataFolder) -> None:
    """The check above can fail."""
    rows = json.loads(json.dumps(as_json(logbook.sessions(folder).sessions)))
    for spoil in (
        lambda row: row.update(moon="full"),
        lambda row: row["started"]["request"].update(moon="full"),
        lambda row: row.update(accepted="two"),
        lambda row: row.pop("id"),
    ):
        spoilt = json.loads(json.dumps(rows))
        spoil(spoilt[0])
        with pytest.raises(AssertionError):
            check(spoilt, schema(), schema()["$defs"])


def test_the_schema_says_what_each_part_is(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(folder, capsys, "--schema")
    parts = told["$defs"]
    assert told["type"] == "array" and told["$schema"].startswith("https://json-schema.org/")
    assert {"ListedSession", "SessionStarted", "RecordRequest", "EvalRequest", "Training", "TakeLost"} <= set(parts)
    assert [name for name, part in parts.items() if not part.get("description")] == []
    assert not any("json-schema" in line for line in printed_lines(folder, capsys))


def printed_lines(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["--data-dir", str(folder.root), "sessions"]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_schema_without_json_is_refused_in_a_sentence(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(folder.root), "sessions", "--schema"]) == 2
    assert "lab-console sessions --json --schema" in capsys.readouterr().err


def test_the_schema_needs_no_data_folder(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(tmp_path / "nowhere"), "sessions", "--json", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(schema()))


TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
    "null": type(None),
}  # fmt: skip


def check(value: Any, told: dict[str, Any], parts: dict[str, Any], where: str = "") -> None:
    """That `value` is what this piece of JSON Schema tells (as much of it as msgspec writes), and nothing beyond."""
    if ref := told.get("$ref"):
        return check(value, parts[ref.removeprefix("#/$defs/")], parts, where)
    if choices := told.get("anyOf"):
        return check_any(value, choices, parts, where)
    if "enum" in told:
        assert value in told["enum"], where
        return None
    if "type" not in told:
        return None
    assert isinstance(value, TYPES[told["type"]]) and (told["type"] == "boolean") == isinstance(value, bool), where
    if isinstance(value, list):
        for at, item in enumerate(value):
            check(item, told.get("items", {}), parts, f"{where}[{at}]")
    elif isinstance(value, dict):
        assert set(told.get("required", ())) <= set(value), where
        for key, inner in value.items():
            known = told.get("properties", {}).get(key, told.get("additionalProperties"))
            assert known is not None or told.get("additionalProperties") is not None or "properties" not in told, (
                f"{where}.{key} is not in the schema"
            )
            check(inner, known or {}, parts, f"{where}.{key}")
    return None


def check_any(value: Any, choices: list[dict[str, Any]], parts: dict[str, Any], where: str) -> None:
    problems = []
    for choice in choices:
        try:
            return check(value, choice, parts, where)
        except AssertionError as problem:
            problems.append(str(problem))
    raise AssertionError(f"{where} fits none: {problems}")
