"""`lab-console fetch`: copy a dataset or a checkpoint from a target."""

from __future__ import annotations

import argparse

from console.commands.moving import answered, move
from console.exit import OK
from services.checkpoints import hub
from services.folders import DataFolder, data_folder
from services.refusal import Refusal
from services.targets import protocol
from services.targets.connection import Connection
from services.targets.finding import CHECKPOINT, DATASET
from services.targets.transfer import Cargo, Moved, Transfer
from services.text import clean

HUB = "hub"


def fetch(options: argparse.Namespace) -> int:
    """Fetch it; what differs here is never overwritten."""
    folder = data_folder(options.data_dir).create()
    if options.source == HUB:
        return _from_hub(folder, options.what)

    def act(connection: Connection, transfer: Transfer) -> tuple[str, Moved]:
        answer = connection.ask(protocol.Find(what=options.what))
        what = answered(answer.text, answer.error, connection.target.place)
        return what, transfer.fetch(Cargo(what, folder.root / answer.path, answer.path))

    return move(options.source, act, "here")


def _from_hub(folder: DataFolder, what: str) -> int:
    """A dataset is copied into the data folder; a policy stays in the Hub client's cache, where its id finds it."""
    kind, _, wanted = what.rpartition(":")
    name, revision = hub.split(wanted)
    if kind not in ("", DATASET, CHECKPOINT):
        raise Refusal(f"write OWNER/NAME, dataset:OWNER/NAME or checkpoint:OWNER/NAME, not {clean(what)!r}")
    hub.check_id(name)
    refused = ""
    if kind != CHECKPOINT:
        try:
            print(f"dataset {name} of the Hub is here: {hub.bring_dataset(folder, name, revision)}")
            return OK
        except Refusal as refusal:
            if kind or (folder.datasets / name).exists():
                raise
            refused = f"{refusal}; "
    try:
        path = hub.download(name, hub.Kind.MODEL, revision)
    except Refusal as refusal:
        raise Refusal(f"{refused}{refusal}") from refusal
    print(f"policy {wanted} of the Hub is here: {path}; {_taken_by(wanted, revision)}")
    return OK


def _taken_by(wanted: str, revision: str) -> str:
    """The flags that take it; a training begins with the newest one only."""
    return (
        f"`--checkpoint {wanted}` takes it" if revision else f"`--policy {wanted}` and `--checkpoint {wanted}` take it"
    )
