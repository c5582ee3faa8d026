"""What of a session can be copied: its id, paths, and the command that repeats it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.checkpoints.wiring import write_map
from services.text import clean
from services.units import dimensions
from sessions.bench import Profile
from sessions.blinding import blind
from sessions.conditions import Order
from sessions.document import Session
from sessions.left_out import as_ranges
from sessions.requests import BenchRequest, EvalRequest, Purpose, RecordRequest, TrainRequest
from sessions.resets import Reset


@dataclass(frozen=True)
class Copy:
    """A text without control characters, and what it is."""

    what: str
    text: str


REPEATS = "command that repeats it"
OTHER_SETTINGS = "command like it, with the bench as lab.toml has it now: its settings were others"


def copies(session: Session, benches: Mapping[str, Profile]) -> list[Copy]:
    """Everything that can be copied of the session; `benches`: those of lab.toml, by name."""
    return [Copy(what, clean(text)) for what, text in _texts(session, benches) if text]


def _texts(session: Session, benches: Mapping[str, Profile]) -> Iterator[tuple[str, str]]:
    yield "session id", session.id
    yield "dataset path", session.dataset_root
    if session.training is not None:
        saved = session.training.checkpoints
        yield "checkpoint path", f"{saved[-1].path}/pretrained_model" if saved and saved[-1].path else ""
        yield "output path", session.training.started.output_dir
    yield "checkpoint path", "" if blind(session.request) else session.checkpoint
    profile = session.started.profile
    same = profile is None or benches.get(session.bench) == profile
    yield REPEATS if same else OTHER_SETTINGS, command(session)


def command(session: Session) -> str:
    """The shell command that starts such a session again, quoted for a shell; empty where no verb does.

    An option that only the screens have (a bench's settings, a judge who is a person) is not in it. An imported
    session's settings are not known well enough.
    """
    if session.started.imported or blind(session.request):  # what it would try is not told
        return ""
    match request := session.request:
        case RecordRequest():
            words = ["record", *_options(dataset=request.dataset, task=request.task, episodes=request.episodes)]
            words += _options(episode_seconds=request.episode_seconds, reset_seconds=request.reset_seconds)
            words += [*_options(fps=request.fps, operator=request.operator, seed=request.seed), "--resume"]
            words += [word for key, value in request.settings.items() for word in ("--set", f"dataset.{key}={value}")]
        case TrainRequest():
            words = _train(request, session)
        case EvalRequest(looks_only=True):
            words = ["preflight", *_options(checkpoint=",".join(request.checkpoints), task=request.task)]
            words += _options(operator=request.operator)
            words += _options(no_cameras=",".join(request.wiring.without), map=write_map(request.wiring.given))
        case EvalRequest() if request.judge:
            words = ["eval", *_options(checkpoint=",".join(request.checkpoints), task=request.task)]
            words += _options(trials=request.trials, conditions=",".join(each.name for each in request.conditions))
            words += _options(order=request.order) if request.pairs > 1 else []
            words += _options(order_seed=request.order_seed) if request.order is Order.RANDOM else []
            words += _options(trial_seconds=request.trial_seconds, judge=request.judge, condition=request.condition)
            words += _options(second_judge=request.second_judge)
            words += _options(seed=request.seed, operator=request.operator)
            words += _options(no_cameras=",".join(request.wiring.without), map=write_map(request.wiring.given))
            words += _options(reset=request.reset if request.reset is not Reset.RETURN else None)
            words += ["--direct-reset"] if request.direct_reset else []
            words += _options(server=request.server, server_path=request.server_path)
            words += ["--rtc"] if request.rtc else []
            words += ["--blind"] if request.blinded else []
        case BenchRequest(purpose=Purpose.HOLD | Purpose.REST | Purpose.RELEASE):
            words = [request.purpose.value]
        case _:  # people judge on the screen, and teleoperate there
            words = []
    if not words:
        return ""
    bench = ["--bench", session.bench] if session.bench else []
    lockstep = ["--lockstep"] if request.lockstep else []
    return shlex.join(["lab-console", *_options(data_dir=request.data_dir), *bench, *words, *lockstep])


def _train(request: TrainRequest, session: Session) -> list[str]:
    """The words of a training, with the steps that were asked for last. An upload to the Hub is asked for anew."""
    resumed = session.training is not None and bool(session.training.resumed)
    steps = session.training.started.steps if session.training is not None and resumed else request.steps
    words = ["train", *_options(dataset=request.dataset, policy=request.policy, steps=steps)]
    words += _options(batch_size=request.batch_size, save_freq=request.save_freq, log_freq=request.log_freq)
    words += _options(exclude_cameras=",".join(request.exclude_cameras), operator=request.operator)
    words += _options(resize=dimensions(*request.resize) if request.resize else None)
    words += _options(exclude_episodes=as_ranges(request.exclude_episodes).replace(" ", ""), because=request.because)
    words += [word for tag in request.exclude_tags for word in ("--exclude-tag", tag)]
    words += ["--leave-out-flagged"] if request.leave_out_flagged else []
    words += _options(held_out=request.held_out or None, held_out_every=request.held_out_every or None)
    words += _options(processes=request.processes if request.processes > 1 else None)
    words += _options(on=request.on.name if request.on else None)
    return [*words, *(word for setting in request.settings for word in ("--set", setting))]


def _options(**values: object) -> list[str]:
    """`--episode-seconds 15` for each value that is given."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    return [
        word
        for name, value in given.items()
        for word in (f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value))
    ]
