"""Textual calls each class's handler along the MRO: one that calls its base's as well has it run twice."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pkgutil import walk_packages

import pytest
from textual.events import ScreenResume
from textual.message_pump import MessagePump

import console as console_package
import screens
from screens.desk.messages import SessionChanged
from screens.frame.lab_screen import LabScreen
from screens.frame.registry import SCREENS

CALLS_BASE = re.compile(r"super\(\)\.(_?on_\w+)\(")


HANDLERS = ("on_mount", "on_screen_resume", "on_session_changed")


def counted(heard, name):
    """LabScreen's own handler, which notes each call."""
    before = getattr(LabScreen, name)

    def handler(self, *message):
        heard.append((self.id, name))
        before(self, *message[: len(inspect.signature(before).parameters) - 1])

    return handler


@pytest.mark.parametrize("mode", [entry.mode for entry in SCREENS])
async def test_a_screen_hears_everything_once(open_console, monkeypatch, mode):
    heard = []
    for name in HANDLERS:
        monkeypatch.setattr(LabScreen, name, counted(heard, name))
    async with open_console() as console:
        if mode != "bench":
            console.app.switch_mode(mode)
            await console.until(lambda: console.screen.id == mode and console.screen.seen)
        await console.pilot.pause()
        assert heard.count((mode, "on_mount")) == 1
        heard.clear()  # Textual itself says twice that a screen that is opened for the first time resumes
        console.screen.post_message(ScreenResume())
        console.desk.post(SessionChanged)
        await console.until(lambda: (mode, "on_session_changed") in heard)
        assert [name for at, name in heard if at == mode] == list(HANDLERS[1:])


def handlers():
    for package in (screens, console_package):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if module.name != "console.__main__":
                for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass):
                    if issubclass(kind, MessagePump) and kind.__module__ == module.name:
                        yield from ((kind, name, f) for name, f in vars(kind).items() if re.match("_?on_", name))


def test_no_handler_calls_its_bases():
    found = [
        f"{kind.__name__}.{name}"
        for kind, name, function in handlers()
        if name != "on_event"  # no handler: it is how an app takes events at all
        and CALLS_BASE.search(inspect.getsource(function))
    ]
    assert not found
