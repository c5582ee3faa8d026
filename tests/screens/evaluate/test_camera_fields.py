"""The cameras in the form of an evaluation: the slot table, a map that is offered and kept, one that is left out."""

from __future__ import annotations

from pathlib import Path

from services.live import events as ev
from services.refusal import Checks
from sessions.requests import EvalRequest
from sessions.slots import Wiring
from tests.screens.evaluate.test_form import open_form, train
from tests.support.forms import form, meaning, problem, put, value
from tests.support.headless import Console
from tests.support.runs import BEGAN, ended, write_run

RUN = "20260217-142000-abcd"


def asked(console: Console) -> EvalRequest:
    """What the form would start."""
    request = form(console).plan(form(console).entries, Checks())
    assert isinstance(request, EvalRequest)
    return request


async def test_a_map_is_offered_shown_and_there_again_the_next_time(open_console) -> None:
    async with open_console() as console:
        train(console, "act_v1", "000900", cameras=("top", "wrist"))
        await open_form(console)
        await console.until(lambda: "cameras: policy <- bench ⚠ top <- none wrist <- wrist 640x480" in meaning(console))
        form(console).row("camera-map").input.focus()
        await console.press("right")
        await console.sees("top=overhead")
        await console.press("enter")
        await console.until(lambda: "top <- overhead 640x480, as they are wrist <- wrist" in meaning(console))
        assert value(console, "camera-map") == "top=overhead" and "needs camera top" not in meaning(console)
        now = "Now: top <- overhead 640x480, wrist <- wrist 640x480: as they are."
        assert now in form(console).help(form(console).row("camera-map").field), (
            "where nothing stands beside the fields"
        )
        request = asked(console)
        assert request.wiring == Wiring(given={"top": "overhead"})
        write_run(console.folder, RUN, ev.SessionStarted(id=RUN, at=BEGAN, pid=1, host="", request=request), ended())
        put(console, camera_map="")
        form(console).look()
        await console.until(lambda: value(console, "camera-map") == "top=overhead", "as the last time")
        put(console, camera_map="none")
        await console.until(lambda: "⚠ top <- none" in meaning(console), "the operator takes it back")
        put(console, camera_map="top=overhaed")
        await console.until(lambda: "did you mean overhead?" in problem(console, "camera-map"))


async def test_a_camera_is_left_out_where_the_policy_can_do_without(open_console) -> None:
    async with open_console() as console:
        train(console, "act_v1", "000900", cameras=("wrist",))
        await open_form(console)
        await console.until(lambda: "not used overhead" in meaning(console))
        form(console).row("left-out-cameras").input.focus()
        await console.press("right")
        await console.sees("the policy does not look at it")
        await console.sees("act cannot do without")
        await console.press("escape")
        put(console, left_out_cameras="overhead")
        await console.until(lambda: "not opened overhead" in meaning(console))
        assert list(asked(console).profile.cameras) == ["wrist"]
        put(console, left_out_cameras="wrist")
        await console.until(lambda: "act cannot do without camera wrist" in meaning(console))
        form(console).start()
        await console.until(lambda: "act cannot do without camera wrist" in problem(console, "checkpoint"))
        assert not Path(console.folder.runs).exists() or not list(console.folder.runs.iterdir()), "nothing was started"
