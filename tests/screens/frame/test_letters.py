"""Letters mean the same on every screen; every key has an id, a label and a sentence; what the footer offers acts."""

from __future__ import annotations

from collections import defaultdict

import pytest
from textual.binding import Binding

from screens.frame import availability, registry
from screens.frame.help_groups import GROUPS, OTHER, grouped
from screens.frame.keymap import _places
from services.live import events as ev
from services.live.phases import Phase
from sessions.models import SessionKind

FAMILIES = {
    "space": {"take", "trial", "overlay", "play", "beside"},
    "r": {"reject", "mark"},
}
"""Keys whose actions have different ids but one meaning in words: start or end what this screen is about; reject.

On Train and the Log space marks what is laid beside something else."""


def own(entry: registry.ScreenEntry) -> list[Binding]:
    """The bindings of a screen, without Textual's own."""
    return [binding for binding in _places([])[f"on {entry.title}"] if binding.id]


def meaning(binding: Binding) -> str:
    """The part of an id that says what is done: `reject` of `record.reject`."""
    return (binding.id or "").rpartition(".")[2]


def test_every_binding_has_an_id_a_label_and_a_sentence():
    for entry in registry.every_screen():
        for binding in own(entry):
            assert binding.tooltip, (entry.mode, binding.id)
            assert binding.description, (entry.mode, binding.id)


def test_no_letter_means_two_things_on_sibling_screens():
    meant: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in registry.SCREENS:
        for binding in own(entry):
            if len(binding.key) == 1 or binding.key in ("space", "exclamation_mark", "plus", "minus"):
                meant[binding.key][meaning(binding)].add(entry.mode)
    assert len(meant) > 20
    clashes = {
        key: {what: sorted(where) for what, where in each.items()}
        for key, each in meant.items()
        if len(each) > 1 and not set(each) <= FAMILIES.get(key, set())
    }
    assert not clashes


def test_every_action_is_in_one_group_of_the_help_page():
    from screens.frame.bindings import Action

    for entry in registry.every_screen():
        actions = [Action(b.id or "", b.key, b.description, b.tooltip, b.action, acts=True) for b in own(entry)]
        groups = grouped(actions)
        listed = [action.id for _, found in groups for action in found]
        assert sorted(listed) == sorted(a.id for a in actions if a.id != "stop")
        assert {group for group, _ in groups} <= {*GROUPS, OTHER}


def test_a_place_in_the_footer_is_kept_for_actions_that_there_are():
    names = {b.action.partition("(")[0] for entry in registry.every_screen() for b in own(entry)}
    assert set(availability.KEEPS_PLACE) | set(availability.PLACES) <= names
    assert all(name.partition("(")[0] in names for pair in availability.SHARES.items() for name in pair)


@pytest.mark.parametrize("entry", registry.SCREENS, ids=lambda entry: entry.mode)
async def test_every_key_that_a_footer_offers_acts_and_none_moves(open_console, make_worker, entry):
    phases = (Phase.IDLE, Phase.READY, Phase.RECORDING, Phase.HELD, Phase.RESTING, Phase.RELEASED)
    async with open_console((200, 60)) as console:
        worker = await make_worker(kind=entry.kind if entry.kind is SessionKind.EVAL else SessionKind.RECORD)
        await console.attach(worker, entry.mode)
        places: dict[str, int] = {}
        for phase in phases:
            worker.phase(phase)
            await console.until(lambda p=phase: console.desk.snapshot.phase is p)
            await console.pilot.pause()
            active = {active.binding.id for active in console.screen.active_bindings.values() if active.enabled}
            for key in console.screen.footer_keys():
                found = {b.id for b in console.screen._bindings.key_to_bindings[key.key]}
                assert not key.acts or key.stop or found & active, (phase, key)
            assert ("Esc x STOP" in console.keys) == console.desk.can_move
            if console.desk.can_move:
                assert console.keys.endswith("Esc x STOP")
            for name in ("F finish", "n note"):
                if name in console.keys:
                    assert places.setdefault(name, console.keys.index(name)) == console.keys.index(name), phase


@pytest.mark.parametrize(
    ("phase", "shown"),
    [
        (Phase.READY, ["space start 1", "p pause", "g rest", "F finish", "?", "Esc x STOP"]),
        (Phase.RECORDING, ["space end 1", "r reject", "p hold", "M mark", "?", "Esc x STOP"]),
        (Phase.HELD, ["p follow", "g rest", "F finish", "?"]),
    ],
)
async def test_at_80_columns_what_a_recording_needs_is_in_the_footer(open_console, make_worker, phase, shown):
    async with open_console((80, 24)) as console:
        worker = await make_worker()
        worker.phase(Phase.RECORDING, "take 1")
        worker.tell(ev.TakeStarted(take=1))
        if phase is not Phase.RECORDING:
            worker.tell(ev.TakeEnded(take=1, frames=120, reason="key"))
            worker.phase(phase)
            shown = [each.replace("1", "2") for each in shown]
        await console.attach(worker)
        await console.until(lambda: console.desk.driving)
        await console.pilot.pause()
        assert [each for each in shown if each not in console.keys] == [], console.keys
