"""Documents without what neither links nor trees need: of a whole log they fit into memory. Pure."""

from __future__ import annotations

import msgspec

from sessions.bench import Profile
from sessions.document import Session
from sessions.facts import SessionStarted
from sessions.requests import ArmRequest


class Leaner:
    """Makes them, one after the other; sessions of one bench share its profile."""

    def __init__(self) -> None:
        self._profiles: dict[bytes, Profile] = {}

    def of(self, session: Session) -> Session:
        """The session without its checks, its alarms, the joints of its arms, what was measured of its trials, and
        LeRobot's configuration but for the dataset's folder.
        """
        training = session.training
        if training is not None and training.started.config:
            root = {"dataset": {"root": training.read_from}} if training.read_from else {}
            started = msgspec.structs.replace(training.started, config=root)
            training = msgspec.structs.replace(training, started=started)
        trials = tuple(msgspec.structs.replace(trial, measured=None) for trial in session.trials)
        return msgspec.structs.replace(
            session, started=self._started(session), connected=None, calibrations=(), preflights=(), alarms=(),
            alarm_counts=(), training=training, trials=trials,
        )  # fmt: skip

    def _started(self, session: Session) -> SessionStarted:
        request = session.request
        if not isinstance(request, ArmRequest):
            return session.started
        key = msgspec.json.encode(request.profile)
        profile = self._profiles.setdefault(key, request.profile)
        return msgspec.structs.replace(session.started, request=msgspec.structs.replace(request, profile=profile))
