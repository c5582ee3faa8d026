"""A further plot and a typed range on Train, and the cursor of the comparison."""

from __future__ import annotations

from screens.widgets.line import Lines
from screens.widgets.plot import Plot
from tests.support.fake_desk import NOON, empty_folder
from tests.support.fake_training import FakeTraining
from tests.support.past_trainings import past_training


async def test_what_a_policy_logs_is_a_further_plot_and_a_typed_range_goes_on_with_the_run(open_console, tmp_path):
    folder = empty_folder(tmp_path / "lab")
    past_training(folder, "20260201-010000-aaaa", name="first", at=NOON - 200_000, points=300, steps=3_000)
    training = await FakeTraining(folder).begin()
    training.train(300)
    try:
        async with open_console((160, 50)) as console:
            await console.press("f4")
            await console.until(lambda: len(console.desk.runs.runs) == 2 and console.desk.runs.shown.points == 300)
            box, loss = (console.screen.query_one(f"#{name}-box") for name in ("more", "loss"))
            assert not box.is_on_screen
            await console.press("P")
            await console.sees("further plot")
            assert "kld_loss" in console.everything and "waiting for data" in console.everything
            await console.press(*"l1")
            await console.until(lambda: "kld_loss" not in console.everything)
            await console.press("enter")
            await console.until(lambda: box.is_on_screen and console.screen.query_one("#more", Plot).drawn)
            assert str(box.border_title).startswith("l1_loss")
            await console.press("z", "z", "z", "z")
            await console.until(lambda: not loss.is_on_screen and box.is_on_screen)
            await console.press("z", "Z", *"9k-10k", "enter")
            await console.sees("no point is there: the curves reach from 10 to 3,000")
            await console.press(*["backspace"] * 6, *"last 500", "enter")
            await console.until(lambda: "the last 500 steps" in str(loss.border_subtitle))
            assert console.screen.query_one("#loss", Plot)._figure.window == (2500, 3000)
            training.train(20)
            await console.until(lambda: console.screen.query_one("#loss", Plot)._figure.window == (2700, 3200))
            await console.press("0", "down", "space")
            await console.until(lambda: len(console.desk.runs.beside) == 1)
            legend = console.screen.query_one("#compare-legend", Lines)
            await console.press("c")
            assert not legend.text, "the table says it"
            await console.press("z", "z")
            await console.until(lambda: len(legend.text.splitlines()) == 3)
            newest = legend.text
            await console.press("left", "left")
            await console.until(lambda: legend.text != newest)
            assert "l1_loss" in legend.text.splitlines()[0]
            await console.until(lambda: console.screen.query_one("#compare-more", Plot).drawn)
            await console.press("P")
            await console.sees("no further plot")
            await console.press("up", "enter")
            await console.until(lambda: "l1_loss" not in legend.text)
    finally:
        await training.stop()
