"""Train and Log: where a training runs, and what keeps it from running there."""

from __future__ import annotations

from services.live import events as ev
from services.live.reasons import AlarmSource
from services.log import logbook
from services.log.headline import headline
from services.log.page import page
from services.training.compare_runs import compare_named
from sessions.target import Target
from tests.screens.train.test_screen import a_dataset, open_form, show
from tests.support.fake_training import FakeTraining, train_request
from tests.support.forms import form, problem, put
from tests.support.past_trainings import past_training

BOX = Target(name="box", host="anna@gpu1", command="no-such-console", ssh=("-p", "1"))


async def test_the_form_offers_targets_where_there_are_some_and_says_why_one_cannot_be_used(open_console):
    async with open_console() as console:
        a_dataset(console.folder)
        await open_form(console)
        assert not console.screen.query("#on"), "a choice of one is none"
    gone = Target(name="box", host="127.0.0.1", ssh=("-F", "/dev/null", "-p", "1"))
    async with open_console(targets={"box": gone}) as console:
        await open_form(console)
        assert [choice.value for choice in form(console).choices("on")] == ["this machine", "box"]
        put(console, on="nowhere")
        form(console).start()
        await console.until(lambda: "there are: box" in problem(console, "on"))
        put(console, on="box")
        form(console).start()
        await console.until(lambda: "box does not answer" in problem(console, "on"))
        assert problem(console, "on").endswith("nothing was begun: see whether `ssh 127.0.0.1` gets there")
        assert not console.desk.training.shown


async def test_list_page_and_comparison_say_where_a_training_ran(open_console):
    async with open_console((200, 60)) as console:
        past_training(console.folder, "20231114-221320-0001", name="act_there", on=BOX)
        past_training(console.folder, "20231114-231320-0002", name="act_here")
        await show(console)
        await console.until(lambda: "act_there on box" in console.everything)
        folder = console.folder
    there = next(each for each in logbook.sessions(folder).sessions if each.trained_on)
    assert there.host == "box" and "on box" in headline(there).marks
    rows = {row.name: [value.text for value in row.values] for part in page(there).sections for row in part.rows}
    assert rows["host"] == ["box", "anna@gpu1", "followed from lab1"]
    facts = compare_named(folder, ["act_there", "act_here"]).runs
    assert [each.hardware for each in facts] == ["cpu on box", "cpu on lab1"]


async def test_a_training_elsewhere_says_where_what_is_on_the_way_and_what_a_stop_means(open_console):
    async with open_console((80, 24)) as console:
        training = FakeTraining(console.folder, request=train_request(console.folder, on=BOX))
        await training.start()
        try:
            training.tell(ev.PhaseChanged(phase="starting", detail="sending dataset pick_place: 43 %, 1.2 GB"))
            await show(console)
            await console.sees("sending dataset pick_place: 43 %")
            training.begin_training()
            training.tell(ev.PhaseChanged(phase="training", detail="fetching the checkpoint of step 1,000: 43 %"))
            await console.sees("on box")
            await console.sees("fetching the checkpoint of step 1,000")
            training.tell(ev.AlarmRaised(source=AlarmSource.TARGET, text="box does not answer; it trains on there"))
            await console.sees("box does not answer")
            await console.press("S")
            await console.sees("nobody can stop it there")
        finally:
            await training.stop()
