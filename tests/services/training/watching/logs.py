"""Console logs as LeRobot's versions write them, from a known course of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

STAMP = "INFO 2026-03-01 12:{:02}:{:02} ot_train.py:641 "


def big(number: float) -> str:
    """LeRobot's format_big_number; tests/lerobot_seams holds it against the installed one."""
    for suffix in ("", "K", "M", "B", "T", "Q"):
        if abs(number) < 1000:
            return f"{number:.0f}{suffix}"
        number /= 1000
    return str(number)


def message(
    step: int, *, batch: int = 8, frames: int = 24_252, loss: float = 0.5, older: int = 0, more: str = ""
) -> str:
    """The message of one log point; `older` is 1 where samples count the step in progress (0.2)."""
    samples = (step + older) * batch
    return (
        f"step:{big(step)} smpl:{big(samples)} ep:{big(samples / 300)} epch:{samples / frames:.2f} loss:{loss:.3f} "
        f"grdn:0.120 lr:2.7e-05 updt_s:1.190 data_s:0.550{more}"
    )


def line(number: int, text: str) -> str:
    """The message as the log line of second `number`."""
    return STAMP.format(number // 60 % 60, number % 60) + text + "\n"


def log(steps: Sequence[int], **options: object) -> str:
    """The log lines of these steps, without a head."""
    return "".join(line(number, message(step, **options)) for number, step in enumerate(steps))  # type: ignore[arg-type]


def head(*, log_freq: int = 200, batch: int = 8, steps: int = 20_000, more: str = "") -> str:
    """The configuration at a log's head, as pprint writes it, with values that Python cannot read."""
    return (
        f"INFO 2026-03-01 11:59:00 ot_train.py:272 {{'batch_size': {batch},\n"
        " 'dataset': {'episodes': [0,\n                          1],\n             'repo_id': 'lab/cubes'},\n"
        " 'eval': {'batch_size': 50},\n"
        f" 'log_freq': {log_freq},\n 'output_dir': PosixPath('outputs/train/act_cubes'),\n"
        " 'policy': {'device': 'cuda',\n            'mapping': {'ACTION': <NormalizationMode.MEAN_STD: 'MEAN_STD'>},\n"
        "            'type': 'act'},\n"
        f" 'save_freq': 5000,\n 'steps': {steps}}}\n{more}"
    )


def bar(step: int, total: int) -> str:
    """tqdm's bar, which begins with a carriage return and ends without a line."""
    return f"\rTraining: {100 * step // total:3}%|██▌       | {step}/{total} [1:02:03<2:11:00,  1.73s/step]"


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    """The data in pieces."""
    return (data[at : at + size] for at in range(0, len(data), size))
