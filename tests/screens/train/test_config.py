"""LeRobot's configuration as text, over the form: what is said of it, and what comes of it in the form's fields.

The process that asks LeRobot is scripted here (tests/support/fake_preparer.py); tests/journeys has the real one.
"""

from __future__ import annotations

import pytest
from textual.widgets import Input

import services.training.plan
import services.training.preparation
from screens.train.config_editor import ConfigArea, ConfigEditor
from screens.train.form import TrainForm
from services.live import protocol
from services.live.phases import Phase
from services.training.preparation import Refused
from tests.screens.train.test_screen import a_dataset, open_form
from tests.support.fake_preparer import FakePreparer
from tests.support.forms import form, problem, value
from tests.support.forms import put as fill


@pytest.fixture
def preparer(monkeypatch: pytest.MonkeyPatch) -> FakePreparer:
    made = FakePreparer()
    monkeypatch.setattr(services.training.preparation, "start", made.start)
    return made


def area(console) -> ConfigArea:
    return console.app.screen.query_one(ConfigArea)


def edit(console, old: str, new: str) -> None:
    assert area(console).text.count(old) == 1, old
    area(console).text = area(console).text.replace(old, new)


async def open_editor(console) -> None:
    await console.press("ctrl+t")
    await console.until(lambda: isinstance(console.app.screen, ConfigEditor))
    await console.until(lambda: console.app.focused is area(console) and bool(area(console).text))


async def test_a_text_or_keys_with_a_mistake_are_kept_named_at_their_place_and_start_nothing(
    open_console, preparer, monkeypatch
):
    begun = []

    def begin(folder, request):
        begun.append(request)
        raise OSError("that is all of it")

    monkeypatch.setattr(services.training.plan, "begin", begin)
    async with open_console((120, 40)) as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: value(console, "dataset") == "pick_place")
        preparer.may_answer.clear()
        await console.press("ctrl+t")
        await console.sees("loading LeRobot: this takes about ten seconds, once")
        assert area(console).disabled
        preparer.may_answer.set()
        await console.until(lambda: console.app.focused is area(console))
        assert area(console).cursor_location[0] == 9, "at the policy"
        await console.press("ctrl+g")
        assert area(console).cursor_location[0] == 28, "at the next group"
        edit(console, '"use_vae"', '"use_vaa"')
        await console.sees("line 15, policy.use_vaa: LeRobot has no such key; did you mean policy.use_vae")
        assert area(console).wrong == 15
        await console.press("ctrl+g")
        assert area(console).cursor_location[0] == 14
        edit(console, '"use_vaa"', '"use_vae"')
        edit(console, '"job_name": "', '"job_name": "x')
        await console.sees("line 20, job_name: the form's field `name of the run` sets it")
        await console.press("escape")
        await console.until(lambda: "the configuration as text: line 20, job_name" in problem(console, "settings"))
        assert "ctrl+t opens it" in problem(console, "settings")
        form(console).start()
        await console.until(lambda: console.app.focused.id == "settings" and not form(console).planning)
        assert not begun

        await open_editor(console)
        assert '"job_name": "x' in area(console).text, "what was typed stays"
        await console.until(lambda: area(console).wrong == 20)
        await console.press("ctrl+r")
        await console.sees("as the preset: nothing is edited")
        await console.press("escape")
        await console.until(lambda: not problem(console, "settings"))
        assert console.screen.query_one("#settings", Input).value == ""

        preparer.refuses = Refused(number=0, reason="LeRobot has no such key; did you mean seed?", key="sed")
        fill(console, settings="sed=7")
        await console.until(lambda: "sed: LeRobot has no such key; did you mean seed?" in problem(console, "settings"))
        form(console).start()
        await console.until(lambda: console.app.focused.id == "settings" and not form(console).planning)
        preparer.refuses = Refused(number=0, reason="dataset pick_place cannot be trained on: torn")
        fill(console, settings="seed=7")
        form(console).start()
        await console.sees("dataset pick_place cannot be trained on: torn")
        assert not begun
        assert console.screen.query(TrainForm)

        def no_process(_):
            raise OSError("no memory")

        monkeypatch.setattr(services.training.preparation, "start", no_process)
        await form(console).draft.preparation._process.end()
        said, notice = [], console.desk.notice
        monkeypatch.setattr(console.desk, "notice", lambda text, *more: (said.append(text), notice(text, *more)))
        fill(console, settings="seed=8")
        form(console).start()
        await console.until(lambda: bool(begun))
        assert said[0].startswith(
            "the keys are checked by the training itself: the process that prepares trainings died"
        )


async def test_while_a_take_runs_the_text_waits_and_x_stops(open_console, make_worker, preparer):
    async with open_console((120, 40)) as console:
        a_dataset(console.folder)
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker, "train")
        await console.press("N")
        await console.until(lambda: bool(console.screen.query("#dataset")))
        await console.until(lambda: value(console, "dataset") == "pick_place")
        await open_editor(console)
        await console.press("x")
        assert '"policy": {x' in area(console).text
        worker.phase(Phase.RECORDING)
        await console.until(lambda: area(console).disabled and console.app.focused is None)
        stops = len(worker.heard_of(protocol.Stop))
        await console.press("x")
        await console.until(lambda: len(worker.heard_of(protocol.Stop)) == stops + 1)
        assert '"policy": {x' in area(console).text
        worker.phase(Phase.READY)
        await console.until(lambda: console.app.focused is area(console))
        await console.press("ctrl+q")
        await console.until(lambda: not isinstance(console.app.screen, ConfigEditor))
