"""Console logs: every step exact where the log allows it, and marked where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.training.watching import console_log, regular
from services.training.watching.console_log import ConsoleLog
from services.training.watching.points import End, LoggedRun, row
from services.training.watching.rounding import range_of
from tests.services.training.watching.logs import bar, big, chunks, head, line, log, message

REAL = Path(__file__).with_name("samples") / "lerobot_0_6_1.log"


def read(text: str | bytes, size: int = 1 << 22) -> list[LoggedRun]:
    parsed = ConsoleLog()
    for chunk in chunks(text if isinstance(text, bytes) else text.encode(), size):
        parsed.feed(chunk)
    parsed.end()
    return parsed.runs


def steps(text: str, size: int = 1 << 22) -> list[tuple[int, bool]]:
    (run,) = read(text, size)
    return list(zip(run.points.steps, run.points.exact, strict=True))


def exact(wanted: range | list[int]) -> list[tuple[int, bool]]:
    return [(step, True) for step in wanted]


# -- a real log ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 4096, 1 << 22])
def test_a_real_log_of_lerobot_is_read_whole_in_whatever_pieces_it_comes(size: int) -> None:
    (run,) = read(REAL.read_bytes(), size)
    train = [point for point in run.points.since(0) if "loss" in point.metrics]
    assert [(p.step, p.exact, p.samples) for p in train] == [(s, True, 2 * s) for s in range(100, 1301, 100)]
    assert train[0].metrics == {
        "loss": 0.539, "grad_norm": 114.126, "lr": 1e-5, "update_s": 0.027, "data_s": 0.004, "samples_per_s": 65.0,
        "l1_loss": 0.539,
    }  # fmt: skip
    held_out = [(p.step, p.metrics) for p in run.points.since(0) if "eval_loss" in p.metrics]
    assert held_out == [(600, {"eval_loss": 0.3652}), (1200, {"eval_loss": 0.2811})]
    assert [saved.step for saved in run.saved] == [650, 1300]
    assert (run.end, run.failure) == (End.FINISHED, ""), "torchcodec's tracebacks are no failure of the training"
    facts = run.facts
    assert (facts.policy, facts.dataset, facts.steps, facts.batch_size) == ("act", "cubes", 1300, 2)
    assert (facts.log_freq, facts.frames, facts.parameters) == (100, 180, 19142)


# -- exact steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_freq", [10, 100, 200, 37, 250, 1000])
def test_with_its_head_every_step_is_exact(log_freq: int) -> None:
    wanted = range(log_freq, 40 * log_freq + 1, log_freq)
    assert steps(head(log_freq=log_freq) + log(wanted)) == exact(wanted)


@pytest.mark.parametrize("log_freq", [25, 100, 200, 37])
def test_without_a_head_the_first_exact_steps_tell_the_log_frequency(log_freq: int) -> None:
    wanted = range(log_freq, 120 * log_freq + 1, log_freq)
    assert steps(log(wanted)) == exact(wanted)


def test_lerobot_0_2_logs_from_step_0_and_counts_the_step_in_progress() -> None:
    wanted = range(0, 6001, 200)
    assert steps(log(wanted, older=1)) == exact(wanted)
    (run,) = read(head() + log(wanted, older=1))
    assert run.points.samples[:2] == [8, 1608]


def test_a_million_steps_are_exact() -> None:
    wanted = range(200, 1_600_001, 200)
    assert steps(head(steps=2_000_000) + log(wanted, batch=64)) == exact(wanted)


def test_from_the_middle_the_head_is_missing_and_steps_are_estimates_until_only_one_course_fits() -> None:
    found = steps(log([6200]))
    assert found[0][1] is False
    assert 5500 <= found[0][0] <= 6500
    wanted = range(6200, 12_001, 200)
    found = steps(log(wanted))
    assert found == exact(wanted), "the roundings of thirty lines leave one log frequency"
    one_by_one = ConsoleLog()
    shown = []
    for text in log(wanted).splitlines(keepends=True):
        one_by_one.feed(text.encode())
        shown.append(one_by_one.runs[0].points[-1])
    assert not shown[0].exact
    assert (shown[-1].step, shown[-1].exact) == (12_000, True)
    assert [p.step for p in shown] == sorted({p.step for p in shown}), "an estimate never goes back"


def test_samples_make_a_step_exact_where_the_batch_size_is_known() -> None:
    text = head(batch=64) + "".join(line(0, f"step:2K smpl:{samples} loss:0.1 lr:1e-05") for samples in ("141K",))
    assert steps(text) == exact([2200])


def test_the_bar_of_the_same_line_makes_a_step_exact() -> None:
    text = bar(6399, 20_000) + bar(6400, 20_000) + line(0, message(6400))
    assert steps(text) == exact([6400])


def test_a_bar_that_counts_from_a_resume_is_understood() -> None:
    text = head(log_freq=0, steps=20_000) + bar(2340, 10_000) + line(0, message(12_340))
    assert steps(text) == exact([12_340])


def test_bars_and_log_lines_share_lines() -> None:
    wanted = range(200, 3001, 200)
    text = "".join(f"{bar(s - 1, 20_000)}{bar(s, 20_000)}{line(s, message(s))}" for s in wanted)
    assert steps(text) == exact(wanted)
    assert steps(text, 11) == exact(wanted)


def test_other_bars_are_not_the_training() -> None:
    text = "\rLoading weights: 100%|█████| 6100/6100 [00:01<00:00, 9.99it/s]" + line(0, message(6200))
    assert steps(text)[0][1] is False


def test_lost_lines_are_noticed_and_steps_stay_right() -> None:
    wanted = [s for s in range(200, 20_001, 200) if not 4000 < s < 9000]
    assert steps(head(batch=64, more="dataset.num_frames=24252 (24K)\n") + log(wanted, batch=64)) == exact(wanted)


def test_several_processes_a_step_are_counted_by_the_effective_batch() -> None:
    more = "INFO 2026-03-01 11:59:00 ot_train.py:446 Effective batch size: 8 x 4 = 32\n"
    (run,) = read(head(more=more) + log(range(200, 2001, 200), batch=32))
    assert run.points.samples[-1] == 64_000
    (run,) = read(head() + log(range(200, 2001, 200), batch=32))  # an older version that does not say so
    assert run.points.samples[-1] == 64_000


@pytest.mark.parametrize("number", [0, 999, 1000, 1499, 1500, 1501, 2500, 6400, 999_499, 999_500, 1_000_000, 1_234_567])
def test_a_rounded_number_stands_for_what_rounds_to_it(number: int) -> None:
    low, high = range_of(big(number)) or (1, 0)
    assert low <= number <= high
    for inside in (low, high):
        assert big(inside) == big(number)
    for outside in (low - 1, high + 1):
        assert outside < 0 or big(outside) != big(number)
    assert range_of("6.4K") == (6350, 6450)
    assert range_of("1.2.3K") is None


# -- what terminals, launchers and people do to a log -------------------------------------------------


@pytest.mark.parametrize("width", [40, 64, 80, 100, 119])
def test_lines_that_a_terminal_wrapped_are_joined(width: int) -> None:
    wanted = range(200, 2001, 200)
    text = log(wanted, more=" smp/s:36 l1_loss:0.123")
    wrapped = "\n".join(part for whole in text.splitlines() for part in chunks_of(whole, width)) + "\n"
    (run,) = read(head() + wrapped)
    assert run.points.steps == list(wanted)
    for point in run.points.since(0):
        assert point.metrics["data_s"] == 0.55
        assert point.metrics["lr"] == 2.7e-5


def chunks_of(text: str, width: int) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]


def test_colours_and_cursor_movements_are_no_text() -> None:
    text = log(range(200, 601, 200)).replace("loss:", "\x1b[33mloss:\x1b[0m").replace("INFO", "\x1b[A\x1b[2KINFO")
    assert steps(text) == exact([200, 400, 600])


def test_two_runs_in_one_file_are_two() -> None:
    first, second = log(range(200, 1401, 200)), log(range(200, 801, 200))
    for text in (head() + first + head(log_freq=100) + log(range(100, 401, 100)), first + second):
        runs = read(text)
        assert [run.number for run in runs] == [1, 2]
        assert runs[0].points.steps == list(range(200, 1401, 200))
    assert runs[1].points.steps == [200, 400, 600, 800]
    assert all(runs[1].points.exact)


def test_another_process_of_the_same_run_is_not_mixed_in() -> None:
    text = "".join(
        f"[rank{rank}]: {line(step, message(step, loss=rank))}" for step in range(200, 1201, 200) for rank in (0, 1)
    )
    (run,) = read(text)
    assert run.points.steps == list(range(200, 1201, 200))
    assert {point.metrics["loss"] for point in run.points.since(0)} == {0.0}


def test_a_line_printed_twice_counts_once() -> None:
    text = "".join(2 * each for each in log(range(200, 1001, 200)).splitlines(keepends=True))
    assert steps(text) == exact(range(200, 1001, 200))


def test_values_that_are_not_finite_are_kept_as_such() -> None:
    (run,) = read(line(0, message(200).replace("loss:0.500", "loss:nan").replace("grdn:0.120", "grdn:inf")))
    printed = row(1, run.points[0])
    assert printed["metrics"]["loss"] is None
    assert printed["nonfinite"] == {"loss": "nan", "grad_norm": "inf"}


def test_a_failure_is_the_last_line_of_its_traceback_until_points_come_again() -> None:
    crash = "Traceback (most recent call last):\n  File 'x.py', line 1\ntorch.OutOfMemoryError: CUDA out of memory\n"
    (run,) = read(head() + log([200, 400]) + crash)
    assert (run.end, run.failure) == (End.FAILED, "torch.OutOfMemoryError: CUDA out of memory")
    (run,) = read(head() + crash + log([200, 400]))
    assert run.end is End.NONE


def test_a_line_of_100_mb_costs_neither_memory_nor_the_line_after_it() -> None:
    parsed = ConsoleLog()
    for _ in range(25):
        parsed.feed(b"step:x:y:" * (1 << 18))
    parsed.feed(b"\n" + log([200]).encode())
    parsed.end()
    assert parsed.runs[-1].points.steps == [200]


# -- fuzzing ------------------------------------------------------------------------------------------

PIECES = st.sampled_from([
    "step:", "step:2K ", "smpl:128K ", "epch:5.28 ", "loss:0.006 ", "loss:nan ", "lr:2.7e-05 ", "data_s:0.1",
    "\r", "\n", "INFO 2026-03-01 12:00:00 ot_train.py:641 ", "{'batch_size': 8,\n", " 'steps': 20}", "\x1b[31m",
    "Training:  12%|█▏ | 2400/20000 [", "%|", "]", "Traceback (most recent call last):\n", "End of training\n",
    "step 500: eval_loss=0.1", "step 9: a=nan", "[rank1]: ", "\0", "9" * 400, "step:200 loss:1",
    "step:999999999999999Q a:1", "\x1b]0;",
    "cfg.steps=", "12345 ", "Checkpoint policy after step 650\n", "\u202e", "1e999",
])  # fmt: skip


@settings(max_examples=250, deadline=None)
@example(["step:200 loss:1 ", "\U0001239asmpl:128K "], 1)
@given(st.lists(st.one_of(PIECES, st.text(max_size=12), st.binary(max_size=12)), max_size=40), st.integers(1, 200))
def test_no_text_makes_the_parser_fail_or_say_what_cannot_be(parts: list[str | bytes], size: int) -> None:
    data = b"".join(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass") for part in parts)
    for run in read(data, size):
        last = -1
        for point in run.points.since(0):
            assert 0 <= point.step < 2**53
            assert point.step > last or "loss" not in point.metrics
            last = max(last, point.step) if "loss" in point.metrics else last
            assert all(name.isprintable() for name in point.metrics)
            row(run.number, point)


EVENTS = ["points"] * 6 + ["lost", "twice", "nan", "bar", "other bar", "wrapped", "news", "warning", "again", "longer"]


def eventful(events: list[tuple[str, int]], log_freq: int, took: str, *, bars: bool) -> str:
    """A log of runs of points with something odd between them."""
    text, step = "", 1000 // log_freq * log_freq
    for event, count in events:
        step = 0 if event == "again" else step + count * log_freq * (event == "lost")
        for number in range(count if event == "points" else 1):
            step += log_freq
            said = message(step, loss=0.5 + number / 100).replace("1.190", took).replace("0.550", "0.000")
            plain = line(number, said)
            text += bar(step, 10**6) if bars or event == "bar" else ""
            text += {
                "twice": plain + plain, "nan": plain.replace("loss:0", "loss:nan"), "longer": f"{plain[:-1]} l1:0.5\n",
                "other bar": f"\rMap: 100%|███| 7/7 [00:01<00:00, 9.99it/s]{plain}", "warning": f"{plain}WARNING odd\n",
                "wrapped": f"{plain[:110]}\n{plain[110:]}", "news": f"Checkpoint policy after step 650\n{plain}",
            }.get(event, plain)  # fmt: skip
    return text


@settings(max_examples=120, deadline=None)
@given(
    events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 40)), min_size=2, max_size=12),
    log_freq=st.sampled_from([1, 10, 200, 37]), took=st.sampled_from(["0.002", "0.050", "1.190"]),
    known=st.booleans(), bars=st.booleans(), size=st.sampled_from([700, 5000, 1 << 22]),
)  # fmt: skip
def test_points_that_are_read_at_once_are_those_that_are_read_line_by_line(
    events: list[tuple[str, int]], log_freq: int, took: str, known: bool, bars: bool, size: int
) -> None:
    begin = head(log_freq=log_freq, steps=10**6, more="dataset.num_frames=24252 (24K)\n" if bars else "")
    text = begin * known + eventful(events, log_freq, took, bars=bars)
    read_both_ways = []
    for least in (2**30, 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(console_log, "LEAST", least)
            patch.setattr(regular, "LEAST", least)
            read_both_ways.append([(repr(list(run.points.since(0))), run) for run in read(text, size)])
    by_line, at_once = read_both_ways
    assert [points for points, _ in at_once] == [points for points, _ in by_line]
    assert [(r.end, r.failure, r.saved) for _, r in at_once] == [(r.end, r.failure, r.saved) for _, r in by_line]


@settings(max_examples=60, deadline=None)
@given(
    log_freq=st.sampled_from([10, 50, 100, 200, 500, 37]), first=st.integers(1, 300), count=st.integers(1, 60),
    batch=st.sampled_from([1, 8, 64]), known=st.booleans(), size=st.integers(50, 5000),
)  # fmt: skip
def test_a_step_called_exact_is_exact(
    log_freq: int, first: int, count: int, batch: int, known: bool, size: int
) -> None:
    """From wherever in a run the log begins, with the head or, of a round log frequency, without."""
    wanted = [number * log_freq for number in range(first, first + count)]
    known = known or log_freq == 37
    text = (head(log_freq=log_freq, batch=batch, steps=10**6) if known else "") + log(wanted, batch=batch)
    found = steps(text, size)
    assert len(found) == count
    assert all(step == true for (step, is_exact), true in zip(found, wanted, strict=True) if is_exact)
    for (step, _), true in zip(found, wanted, strict=True):
        assert abs(step - true) <= max(1000, true / 10)
