"""Control that changes hands is announced on both consoles, with the names of the operators."""

from __future__ import annotations

import pytest

from screens.views.control import Driver, change
from services.live import protocol
from services.live.link import Link
from services.live.phases import Phase

HERE, ANNA, NOBODY = Driver("tg", here=True), Driver("anna", here=False), Driver("", here=False)


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        (HERE, ANNA, "anna has taken control; this console only watches: T takes control back"),
        (ANNA, HERE, "you have control; anna only watches now"),
        (NOBODY, HERE, "you have control"),
        (ANNA, Driver("bo", here=False), "bo has taken control from anna"),
        (HERE, NOBODY, None),
        (ANNA, NOBODY, None),
        (ANNA, ANNA, None),
        (HERE, HERE, None),
    ],
)
def test_what_is_announced(before, now, says):
    announced = change(before, now)
    assert (announced and announced[0]) == says


async def test_both_sides_hear_who_has_taken_control(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.until(lambda: console.desk.driving)
        assert "has taken control" not in console.everything and "you have control" not in console.everything
        other = Link(worker.run, name="login", drive=False)
        await other.attach()
        try:
            assert (await other.ask(protocol.TakeOver(name="anna"))).ok
            await console.sees("anna has taken control; this console only watches: T takes control back")
            assert not console.desk.driving
            console.desk.operator = "bo"
            await console.press("T")
            await console.sees("you have control; anna only watches now")
            assert worker.heard_of(protocol.TakeOver)[-1].name == "bo"
            await other.until(lambda _: other.driver == "bo", 20)
        finally:
            await other.close()
