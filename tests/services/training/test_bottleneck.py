"""Which part of a step is named, from figures as one bench had them, and what a change is said to gain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training.bottleneck import Cause, Figure, StepCost, bottleneck, sentence, step_cost

MEASURED = {"item_s": 0.06, "item_cpu_s": 0.058, "decode_s": 0.05, "decodes": 2.0, "cpu_load": 0.95, "cores": 8}
LOADING = {"batch": 64, "loaders": 4, **MEASURED}


def found(**values: float) -> tuple[Cause, str]:
    cost = StepCost(**{"update_s": 0.75, "waits_s": 0.95, **values})
    named = bottleneck(cost)
    return named.cause, sentence(named)


def test_a_camera_that_is_decoded_for_nothing_is_what_a_slow_step_is_told_from() -> None:
    """D3 of the bench's history: 0.95 s of 1.7 s waiting, two cameras decoded for one that the policy sees."""
    cause, says = found(**LOADING)
    assert cause is Cause.DECODING
    assert says == (
        "Data is the bottleneck, 56 % of a step (0.95 of 1.70 s): 4 processes decode without a break, "
        "2 frames an item. Try a camera less (a step about 56 % shorter), or smaller images, or keyframes closer "
        "together."
    )


@pytest.mark.parametrize(
    ("values", "cause", "words"),
    [
        ({"waits_s": 0.05}, Cause.UPDATE, "The update is the bottleneck, 94 % of a step"),
        ({}, Cause.DATA, "why was not measured"),
        (
            LOADING | {"item_cpu_s": 0.01, "cpu_load": 0.3},
            Cause.DISK,
            "waits 83 % of its time for the disk. Try the dataset on a faster",
        ),
        (LOADING | {"item_cpu_s": 0.01, "item_queue_s": 0.045}, Cause.CORES, "waits 75 % of its time for one"),
        (LOADING | {"loaders": 1, "cpu_load": 0.3}, Cause.LOADERS, "1 process loads, and cores are free. Try num_wor"),
        (LOADING | {"loaders": 0}, Cause.LOADERS, "nothing is loaded while the policy computes. Try num_workers=1"),
        (LOADING | {"decode_s": 0.002}, Cause.READING, "4 processes read without a break, little of it video"),
        (
            {"waits_s": 0.0, "save_s": 0.4, "save_every": 100},
            Cause.SAVING,
            "saved every 100 steps. Try saving every 200 steps",
        ),
        (
            {"waits_s": 0.0, "other_s": 2.0, "evaluate_every": 5},
            Cause.EVALUATION,
            "Try measuring every 10 steps, or max_",
        ),
    ],
)
def test_each_cause_is_named_with_what_to_change(values: dict[str, float], cause: Cause, words: str) -> None:
    named, says = found(**values)
    assert named is cause and words in says, says


def test_decoding_in_threads_that_wait_for_cores_computes_all_the_same() -> None:
    """Two cameras are decoded side by side: their processor's time and their caller's queue exceed the item's time."""
    assert found(**LOADING | {"item_cpu_s": 0.06, "item_queue_s": 0.05})[0] is Cause.DECODING


def test_smaller_images_are_no_remedy_where_there_are_none() -> None:
    reads = LOADING | {"decode_s": 0.0, "decodes": 0.0}
    assert found(**reads)[1].endswith("Try a faster processor.")
    assert found(**reads, cameras=1)[1].endswith("Try smaller images, or a faster processor.")


def test_more_loaders_are_said_to_gain_what_they_then_do() -> None:
    """Loaders work while the policy computes: with twice as many, a step of 1.92 s waits for 0.21 s less."""
    cost = StepCost(update_s=0.75, waits_s=3.09, batch=64, loaders=1, cores=8, item_s=0.06, item_cpu_s=0.06)
    remedy = bottleneck(cost).remedies[0]
    assert remedy.change == "num_workers=9"
    assert remedy.saves_s == pytest.approx(3.09)


def test_the_figures_are_read_from_what_was_logged() -> None:
    logged = {"update_s": 1.0, "dataloading_s": 0.5, Figure.ITEM_S: 0.1, "loss": 3.0}
    cost = step_cost(logged, {"batch_size": 8, "num_workers": 2, "save_freq": None}, cores=4)
    assert cost == StepCost(update_s=1.0, waits_s=0.5, item_s=0.1, batch=8, loaders=2, cores=4)
    assert step_cost({"update_s": 1.0}, {}) is None and step_cost({"update_s": 0.0, "dataloading_s": 0.0}, {}) is None


@given(
    st.builds(
        StepCost,
        **{name: st.floats(0, 1e4) for name in StepCost.__dataclass_fields__ if name.endswith("_s")},
        batch=st.integers(0, 512), loaders=st.integers(0, 64), cores=st.integers(0, 128), decodes=st.floats(0, 8),
        cpu_load=st.floats(0, 1), save_every=st.integers(0, 10), evaluate_every=st.integers(0, 10),
    )
)  # fmt: skip
def test_any_figures_give_a_sentence_and_no_gain_beyond_the_wait(cost: StepCost) -> None:
    named = bottleneck(cost)
    assert sentence(named).endswith((".", "reason."))
    assert all(0 <= remedy.saves_s <= max(cost.waits_s, cost.save_s, cost.other_s) + 1e-6 for remedy in named.remedies)
