"""What a dry run found, judged and said in a sentence: with the figures of a bench that nobody warned."""

from __future__ import annotations

import msgspec
import pytest

from screens.views.facts import Fact
from screens.views.needs import Words, needs_facts, stops
from services.tone import Tone
from services.training.needs import (
    AnyFinding,
    CheckpointRoom,
    Decoding,
    Fails,
    Grade,
    Memory,
    NotMeasured,
    Pace,
    Picture,
    Pictures,
    PolicySize,
    Remedy,
    Unnormalized,
    in_the_way,
    judge,
)

GB, MB = 10**9, 10**6
RAW = Pictures(
    pictures=tuple(Picture(camera=n, size=(640, 480), seen=(640, 480), tokens=300) for n in ("wrist", "overhead")),
    others=2, resizable=True,
)  # fmt: skip
GPU = Memory(device="cuda", batch=64, tried=16, available=24 * GB, base=1200 * MB, sample=400 * MB)
"""An RTX 3090, and the ACT of bench-history.md (B2): batch 32 went in, 64 did not."""


def said(*findings: AnyFinding, words: Words = Words.FORM) -> list[Fact]:
    return needs_facts(findings, words)


def text(*findings: AnyFinding, words: Words = Words.FORM) -> str:
    return said(*findings, words=words)[0].text


def test_a_batch_that_runs_out_of_memory_since_act_takes_pictures_raw_is_named_with_what_helps() -> None:
    first, tokens = said(GPU, RAW)
    assert (first.tone, tokens.label) == (Tone.DANGER, "tokens")
    assert first.text == (
        "⚠ memory: about 27 GB for batch 64, which is more than the 24 GB that the GPU has free: choose batch size 51, "
        "or resize pictures to 320x240 (160 image tokens), or leave out overhead"
    )
    assert tokens.text == "300 of each picture, 600 of pictures and 2 others"
    shell = text(GPU, RAW, words=Words.SHELL)
    assert shell.endswith("--batch-size 51, or --resize 320x240 (160 image tokens), or --exclude-cameras overhead")
    fits = msgspec.structs.replace(GPU, batch=32)
    assert [found.grade for found in judge([fits, RAW])] == [Grade.FINE, Grade.FINE]
    assert text(fits) == "about 14 GB for batch 32, of the 24 GB that the GPU has free (steps of up to 16 were tried)"
    assert not in_the_way([GPU, RAW]), "an estimate stops nothing"


def test_on_the_machine_each_process_that_trains_takes_as_much() -> None:
    two = msgspec.structs.replace(GPU, device="", batch=8, processes=2, loaders=1 * GB)
    assert (two.needed, two.least, two.largest) == (2 * 4400 * MB + GB, 2 * 1600 * MB + GB, 22)
    assert text(two).startswith("about 9.8 GB for batch 8 in each of 2 processes with 1.0 GB for loading, of the 24 GB")


def test_only_what_surely_cannot_work_stops() -> None:
    tight = msgspec.structs.replace(GPU, batch=55)
    assert [found.grade for found in judge([tight])] == [Grade.CLOSE]
    (small,) = in_the_way([msgspec.structs.replace(GPU, available=1500 * MB), RAW])
    assert "1.6 GB" not in stops(small) and "more than the 1.5 GB that the GPU has free: resize" in stops(small)
    (none,) = in_the_way([msgspec.structs.replace(GPU, ran_out=True, tried=1, device="", loaders=900 * MB)])
    assert stops(none, Words.SHELL).endswith(
        "a step of 1 sample did not fit into most of the 24 GB that are free: --set num_workers=0"
    )
    larger = msgspec.structs.replace(GPU, ran_out=True, tried=8, batch=8)
    assert [found.grade for found in judge([larger])] == [Grade.SHORT]
    assert "a step of 8 samples did not fit into most of the 24 GB that the GPU has free" in text(larger)
    (fails,) = in_the_way([Fails(reason="mat1 and mat2 do not fit"), RAW])
    assert stops(fails) == "it would fail: mat1 and mat2 do not fit"
    assert text(FORCE).startswith("⚠ statistics: policy act takes observation.environment_state raw: the dataset")
    assert not in_the_way(
        [FORCE, NotMeasured(why="a stream"), RAW, PolicySize(policy="act", parameters=1, trainable=1, device="cpu")]
    )


FORCE = Unnormalized(policy="act", features=("observation.environment_state",))
ROOM = CheckpointRoom(each=865 * MB, count=4, steps=20_000, free=212 * GB)


@pytest.mark.parametrize(
    ("free", "grade", "words"),
    [
        (212 * GB, Grade.FINE, "4 checkpoints of 865 MB: 3.5 GB; 212 GB free"),
        (3600 * MB, Grade.CLOSE, "are 3.5 GB, and 3.6 GB are free: save every 6,667 steps"),
        (2000 * MB, Grade.SHORT, "are 3.5 GB, and 2.0 GB are free: save every 10,000 steps, or free 1.5 GB"),
        (900 * MB, Grade.SHORT, "save every 20,000 steps, or free 2.6 GB"),
        (300 * MB, Grade.CANNOT, "one checkpoint takes 865 MB, and 300 MB are free: free 565 MB"),
    ],
)
def test_the_disk_is_measured_against_all_checkpoints(free: int, grade: Grade, words: str) -> None:
    room = msgspec.structs.replace(ROOM, free=free)
    assert judge([room])[0].grade is grade
    assert words in text(room)


def test_a_decoder_is_worth_a_word_where_steps_wait_for_it_or_another_is_faster() -> None:
    missing = Decoding(
        decoder="pyav", picture_s=0.009, other="torchcodec", missing="FFmpeg's libraries are not installed"
    )
    quick = Pace(batch=8, tried=8, steps=1000, update_s=0.9, update_most_s=0.9, item_s=0.02, parallel=4)
    waits = msgspec.structs.replace(quick, update_s=0.02, update_most_s=0.02)
    assert text(missing) == (
        "pyav reads a picture in 9.0 ms; torchcodec does not work here (FFmpeg's libraries are not installed)"
    )
    assert judge([missing, quick])[0].grade is Grade.FINE
    found = judge([missing, waits, RAW])[0]
    assert (found.grade, [each.remedy for each in found.help]) == (Grade.CLOSE, [Remedy.INSTALL, Remedy.LEAVE_OUT])
    assert "steps wait for pictures; pyav reads a picture in 9.0 ms" in text(missing, waits, RAW)
    assert text(missing, waits, RAW).endswith("are not installed): make torchcodec work, or leave out overhead")
    slower = Decoding(decoder="pyav", picture_s=0.009, other="torchcodec", other_s=0.004)
    assert text(slower, words=Words.SHELL) == (
        "pyav reads a picture in 9.0 ms, torchcodec in 4.0 ms: --set dataset.video_backend=torchcodec"
    )


def test_the_time_says_what_it_was_extrapolated_from_and_whether_loading_comes_on_top() -> None:
    beside = Pace(batch=64, tried=16, steps=20_000, update_s=1.2, update_most_s=1.3, item_s=0.03, parallel=4)
    assert text(beside) == (
        "≈ 7 h 13 m at 1.30 s a step (1.30 s update, 0.480 s loading beside it; from steps of up to 16)"
    )
    far = msgspec.structs.replace(beside, update_most_s=3.0, tried=2)
    assert text(far) == (
        "≈ 6 h 40 m to 16 h 40 m at 1.20 to 3.00 s a step (1.20 to 3.00 s update, 0.480 s loading beside it; from "
        "steps of up to 2)"
    )
    assert text(msgspec.structs.replace(far, busy=True)).endswith("up to 2, while other work kept the machine busy)")
    alone = msgspec.structs.replace(beside, parallel=1, loads_beside=False, batch=8, tried=8, update_most_s=1.2)
    assert text(alone) == "≈ 8 h 00 m at 1.44 s a step (1.20 s update, 0.240 s loading; as tried)"


def test_findings_survive_the_way_from_the_process() -> None:
    sent = [RAW, GPU, ROOM, Fails(reason="x"), NotMeasured(why="y"), FORCE]
    assert msgspec.json.decode(msgspec.json.encode(sent), type=list[AnyFinding]) == sent
