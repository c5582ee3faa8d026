"""Choices of checkpoints and policies, and what is known of the chosen checkpoint. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from screens.views import keys
from screens.views.choices import Choice, when
from screens.views.facts import Fact, Section, warning
from screens.views.signs import signs
from services.checkpoints import scripted
from services.checkpoints.checkpoint import PRETRAINED, label
from services.evaluation import outlook
from services.evaluation.plan import Inspection
from services.tone import Tone
from services.units import plural, size, value
from sessions.document import Session


def checkpoint_choices(root: Path, paths: Sequence[str], sessions: Sequence[Session], now: float) -> list[Choice]:
    """Checkpoints below the data folder `root`, in the given order, with what the log knows of each."""
    logged = outlook.saved(sessions)
    return [_checkpoint(path, logged.get(root / path), now) for path in paths]


def scripted_choice() -> Choice:
    """The simulated bench's scripted person, who needs no training."""
    facts = (
        Fact("", "the simulated bench's scripted person in a policy's place: nothing to train", Tone.QUIET),
        Fact("success", "in 80 % of its trials; @0.4 after the name makes it 40 %"),
    )
    return Choice(scripted.USUAL, "the scripted person", Tone.QUIET, facts=facts)


def _checkpoint(path: str, saved: outlook.Saved | None, now: float) -> Choice:
    if saved is None:
        return Choice(
            path, label=label(path), facts=(Fact("", "not in this log: it was trained elsewhere", Tone.QUIET),)
        )
    loss = f"loss {value(saved.checkpoint.loss)}" if saved.checkpoint.loss is not None else ""
    note = f" {signs().dot} ".join(part for part in (loss, when(saved.checkpoint.at, now)) if part)
    return Choice(path, note, label=label(path), facts=_logged(saved, now))


def _logged(saved: outlook.Saved, now: float) -> tuple[Fact, ...]:
    started, checkpoint = saved.training.started, saved.checkpoint
    facts = [Fact("step", f"{checkpoint.step:,} of {started.steps:,}"), Fact("policy", started.policy)]
    if checkpoint.loss is not None:
        facts.append(Fact("loss", value(checkpoint.loss)))
    facts.append(Fact("dataset", f"{saved.dataset}, {plural(len(started.episodes), 'episode')}"))
    facts.append(Fact("cameras", ", ".join(started.cameras) or "none"))
    facts.append(Fact("saved", f"{when(checkpoint.at, now)}, {size(checkpoint.bytes)}"))
    return tuple(facts)


def no_checkpoint() -> Section:
    """What stands there before the first training."""
    return Section("checkpoints", (Fact("", f"no checkpoint here yet: {keys.TRAIN} trains one", Tone.QUIET),))


def checkpoint_section(look: Inspection, sessions: Sequence[Session], now: float) -> Section:
    """The chosen checkpoint: what it is, what it needs, whether it fits, how it was judged so far."""
    found = look.checkpoint
    if found is None:
        return Section("checkpoint", (warning(look.problem),) if look.problem else ())
    facts = [warning(problem, Tone.DANGER) for problem in (look.problem,) if problem]
    facts += [warning(note) for note in look.notes]
    facts.append(Fact("policy", found.policy))
    facts.append(Fact("looks at", ", ".join(found.cameras) or "no camera"))
    folder = found.path.parent if found.path.name == PRETRAINED else found.path
    saved = outlook.saved(sessions).get(folder)
    if saved is not None:
        facts += [fact for fact in _logged(saved, now) if fact.label not in ("policy", "cameras")]
    elif found.step is not None:
        facts.append(Fact("step", f"{found.step:,}"))
    if saved is None and found.provenance.dataset:
        facts.append(Fact("dataset", found.provenance.dataset))
    before = outlook.judged(sessions, found.path)
    if before.trials:
        facts.append(Fact("so far", f"{before.success} of {plural(before.trials, 'trial')} succeeded"))
    facts += [Fact("against", each.label) for each in look.further]
    return Section(f"checkpoint {found.label}", tuple(facts))


def policy_choices(
    types: Sequence[str], lacks: Mapping[str, str], chunks: Mapping[str, tuple[int, int]]
) -> list[Choice]:
    """Policies that can be trained. `lacks` has the command that installs what one is missing, by type."""
    return [_policy(name, lacks.get(name, ""), chunks.get(name, (0, 0))) for name in types]


def _policy(name: str, install: str, chunk: tuple[int, int]) -> Choice:
    note, tone = ("not installed", Tone.WARNING) if install else ("installed", Tone.QUIET)
    facts = [Fact("type", "registered in the installed LeRobot")]
    facts.append(warning(f"not installed: `{install}`") if install else Fact("packages", "installed"))
    if predicted := chunk[0]:
        carried = f", {chunk[1]} carried out" if chunk[1] else ""
        facts.append(Fact("chunk", f"{predicted} actions at once{carried}"))
    return Choice(name, note, tone, facts=(*facts, Fact("pictures", takes(name))))


def takes(policy: str) -> str:
    """Which pictures a policy type takes."""
    from services.training.camera_fit import ANY_CHANNELS, ONE_CAMERA, ONE_SIZE

    cameras = "one camera" if policy in ONE_CAMERA else "any number of cameras"
    sizes = ", all of one size" if policy in ONE_SIZE and policy not in ONE_CAMERA else ""
    return f"{cameras}{sizes}{', with any channels' if policy in ANY_CHANNELS else ', in colour'}"
