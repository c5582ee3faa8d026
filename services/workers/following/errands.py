"""What takes long, on a thread of its own: connecting, sending, fetching checkpoints. Reports to the follower."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from services.checkpoints.checkpoint import label
from services.datasets.lock import DatasetProblem, dataset_lock
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.requests import TrainRequest
from services.refusal import Refusal
from services.targets import protocol
from services.targets.connection import Connection
from services.targets.fingerprint import fingerprint
from services.targets.ssh import Unreachable
from services.targets.transfer import Cargo, Stopped, Transfer
from services.text import clean
from sessions.files import why_unwritable, write_atomically

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Between two tries to reach a target, doubled each time."""
ASKED = ".asked-there"
"""A file of the run folder, from before a target is asked to begin."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Connected:
    """The session is followed over this connection; `hello` says what runs there."""

    connection: Connection
    hello: protocol.Hello


@dataclass(frozen=True)
class Lost:
    """The target is not reached now; it is tried again."""

    why: str


@dataclass(frozen=True)
class CannotBegin:
    """The training was not started there, and will not be."""

    why: str


@dataclass(frozen=True)
class Doing:
    """How far sending or fetching is, in a sentence; an empty one: nothing is under way."""

    text: str


@dataclass(frozen=True)
class Fetched:
    """The checkpoint of `event`, whose paths are this machine's, is here and compared."""

    event: ev.CheckpointSaved


@dataclass(frozen=True)
class NotFetched:
    """It could not be fetched; it is tried again."""

    event: ev.CheckpointSaved
    why: str


Report = Connected | Lost | CannotBegin | Doing | Fetched | NotFetched


class Errands:
    """`report` is called on this thread; `receive`, with what is followed, on the connection's."""

    def __init__(
        self,
        run: RunFolder,
        request: TrainRequest,
        report: Callable[[Report], None],
        receive: Callable[[protocol.AnyMessage], None],
        metrics: Callable[[], int],
        *,
        begun: bool,
    ) -> None:
        assert request.on is not None
        self._run, self._request, self._target = run, request, request.on
        self._report, self._receive, self._metrics = report, receive, metrics
        self._begun = begun
        self._mark, self._asking, self._called_off = run.root / ASKED, threading.Lock(), False
        self._wanted: dict[int, tuple[ev.CheckpointSaved, str]] = {}
        self._changed = threading.Event()
        self._over = False
        self._transfer: Transfer | None = None
        self._thread = threading.Thread(target=self._work, name="errands", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def fetch(self, event: ev.CheckpointSaved, there: str) -> None:
        """Fetch the checkpoint that lies at the path `there`; `event` has its path here."""
        self._wanted[event.step] = event, there
        self._changed.set()

    def call_off(self) -> bool:
        """Never begin it there. False if that may have been asked for already, by an earlier follower too."""
        with self._asking:
            self._called_off = not self._begun and not self._mark.exists()
            return self._called_off

    def wake(self) -> None:
        """Look again at what there is to do."""
        self._changed.set()

    def end(self) -> None:
        """Stop whatever is under way; what was moved waits to be gone on with."""
        self._over = True
        self._changed.set()
        if self._transfer is not None:
            self._transfer.stop()
        self._thread.join(timeout=10)

    # --- the thread -----------------------------------------------------------------------------------

    def _work(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._over:
            try:
                with Connection(self._target, self._receive) as connection:
                    self._follow(connection)
                    pause = FIRST_PAUSE_S
                    self._fetch_all(connection)
            except Stopped:
                return
            except Unreachable as reason:
                if reason.lasting and not self._begun:
                    self._report(CannotBegin(str(reason)))
                    return
                self._report(Lost(str(reason)))
            except Exception as error:
                if not isinstance(error, Refusal | DatasetProblem | OSError):
                    logger.exception("errands")
                why = why_unwritable(error) if isinstance(error, OSError) else str(error)
                self._report(CannotBegin(why))
                return
            self._changed.clear()
            self._pause(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    def _pause(self, seconds: float) -> None:
        """Wait until something changes; what changed since `_changed` was last cleared counts."""
        if not self._over:
            self._changed.wait(seconds)

    def _follow(self, connection: Connection) -> None:
        """Follow the session there; start it before if it was not. Raises Refusal if it cannot be."""
        follow = protocol.Follow(session=self._run.id, metrics=self._metrics())
        answer = connection.ask(follow)
        if answer.error and not self._begun:
            request = self._send(connection)
            self._note_asked()
            begin = protocol.Begin(session=self._run.id, request=request, target=self._target)
            if error := connection.ask(begin).error:
                raise Refusal(f"{clean(self._target.place)}: {clean(error)}")
            answer = connection.ask(follow)
        if answer.error:
            raise Refusal(f"{clean(self._target.place)}: {clean(answer.error)}")
        self._begun = True
        self._report(Connected(connection, connection.hello))

    def _note_asked(self) -> None:
        """From now on it cannot be called off. Raises Stopped if it was, OSError."""
        with self._asking:
            if self._over or self._called_off:
                raise Stopped
            write_atomically(self._mark, b"")

    def _send(self, connection: Connection) -> TrainRequest:
        """Send the dataset, and the policy to go on from; returns the request as it holds there."""
        self._transfer = transfer = Transfer(connection, lambda text: self._report(Doing(text)))
        if self._over:
            raise Stopped
        folder, request = DataFolder(Path(self._request.data_dir)), self._request
        root = folder.datasets / request.dataset
        with dataset_lock(root, self._run.id, operator=request.operator, reading=True):
            cargo = Cargo(f"dataset {request.dataset}", root, f"datasets/{request.dataset}")
            transfer.send(cargo, replace=True)
        policy = Path(request.policy)
        if not policy.is_absolute():
            return request
        there = f"outputs/sent/{fingerprint(policy).digest[:12]}/{policy.name}"
        transfer.send(Cargo(f"policy {label(policy)}", policy, there))
        return msgspec.structs.replace(request, policy=f"{connection.hello.data_dir}/{there}")

    # --- checkpoints ----------------------------------------------------------------------------------

    def _fetch_all(self, connection: Connection) -> None:
        """Fetch what is wanted, until the connection ends. Raises Unreachable, Stopped."""
        self._transfer = transfer = Transfer(connection, lambda text: self._report(Doing(text)))
        while not self._over:
            self._changed.clear()
            if connection.closed is not None:
                raise connection.closed
            if not self._wanted:
                self._pause(LONGEST_PAUSE_S)
                continue
            event, there = list(self._wanted.values())[0]  # noqa: RUF015  another thread adds to it
            if not self._fetch(transfer, connection.hello.data_dir, event, there):
                self._pause(LONGEST_PAUSE_S)

    def _fetch(self, transfer: Transfer, data_dir: str, event: ev.CheckpointSaved, there: str) -> bool:
        here = Path(event.path)
        try:
            inside = str(PurePosixPath(there).relative_to(data_dir))
            transfer.fetch(Cargo(f"the checkpoint of step {event.step:,}", here, inside))
        except (Refusal, OSError, ValueError) as error:
            why = why_unwritable(error) if isinstance(error, OSError) else str(error)
            self._report(NotFetched(event, why))
            return False
        _link(here)
        del self._wanted[event.step]
        self._report(Fetched(event))
        self._report(Doing(""))
        return True


def _link(checkpoint: Path) -> None:
    """Point `last` at the newest that is here."""
    from services.checkpoints.checkpoint import complete
    from services.workers.training.checkpoints import link_last  # it imports pyarrow

    with suppress(OSError):
        link_last(complete(checkpoint.parent.parent)[-1])
