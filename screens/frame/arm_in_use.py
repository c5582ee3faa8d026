"""Who has the arm that a form is about to start with."""

from __future__ import annotations

from screens.views import keys
from screens.views.signs import clean
from services.bench.profiles import Profile
from services.folders import DataFolder
from sessions.models import SessionKind

SESSIONS = {SessionKind.RECORD: "a recording", SessionKind.EVAL: "an evaluation"}


def arm_holder(folder: DataFolder, profile: Profile) -> str:
    """Who uses the arm: a session of this data folder, else any other holder; "" if it is free. Reads disk."""
    from services.bench.device_locks import device_keys, who_holds
    from services.live.running import find_runs

    item = find_runs(folder).holder_of_arm(profile)
    if item is None:
        return who_holds(device_keys(profile.robot, {}, folder.root))
    started = item.snapshot.started
    what = SESSIONS.get(started.kind, "a session") if started else "a session"
    bench = item.profile.name if item.profile else profile.name
    where = "runs on this bench" if bench == profile.name else f"has this arm, on bench {clean(bench)}"
    return f"{what} {where}: {keys.BENCH}, then {keys.ATTACH} attaches to it"
