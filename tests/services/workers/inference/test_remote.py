"""A policy behind LeRobot's own inference server: the same actions, and what is said when it answers otherwise."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.evaluation.inference_place import SERVED
from services.live.phases import Phase
from services.refusal import Refusal
from services.workers.inference.careful_pickle import OddAnswer, read_actions
from services.workers.inference.remote_runner import RemoteRunner, ServerTrouble
from sessions.models import EndedBy
from tests.support.checkpoints import make_checkpoint
from tests.support.evaluating import checkpoint, evaluating, judge, pending, start
from tests.support.inference_server import InferenceServer
from tests.support.rig import Rig
from tests.support.zygote import Zygote

WRIST = "observation.images.wrist"


@pytest.fixture(scope="module")
def served(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceServer]:
    made = InferenceServer(zygote, tmp_path_factory.mktemp("server"))
    yield made
    made.kill()


def frames(count: int) -> list[dict[str, Any]]:
    chance = np.random.default_rng(3)
    return [
        {
            "observation.state": chance.normal(0, 30, 6).astype(np.float32),
            WRIST: chance.integers(0, 255, (36, 48, 3), dtype=np.uint8),
        }
        for _ in range(count)
    ]


def renamed_act(root: Path) -> Path:
    """One whose preprocessor renames the bench's camera."""
    return make_checkpoint(
        root, cube=False, cameras={"camera1": (48, 36)}, renames={WRIST: "observation.images.camera1"}
    )


def act(root: Path) -> Path:
    return make_checkpoint(root, cube=False, cameras={"wrist": (48, 36)})


@pytest.mark.parametrize("made", [act, renamed_act])
def test_the_actions_are_those_of_the_policy_here(
    tmp_path: Path, served: InferenceServer, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.workers.inference.runner import Runner

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # gRPC would send even loopback there
    path = made(tmp_path / "000010")
    here, there = Runner(path), RemoteRunner(path, served.address)
    facts = there.facts()
    assert (facts.policy, facts.device, facts.steps, facts.chunk) == ("act", f"cpu at 127.0.0.1:{served.port}", 6, 12)
    answers = []
    for frame in frames(3):
        here.reset()
        ours = here.act(frame, task="pick", robot_type="so101", rows=9)
        theirs = there.act(frame, task="pick", robot_type="so101", rows=9)
        assert theirs.shape == (9, 6) and theirs.dtype == np.float32
        np.testing.assert_allclose(theirs, ours, atol=1e-4)
        answers.append(theirs)
    assert np.abs(answers[0] - answers[1]).max() > 1e-3, "what it sees matters"


def test_another_path_there_is_loaded_and_one_that_is_not_there_is_said(
    tmp_path: Path, served: InferenceServer
) -> None:
    from services.workers.inference.runner import Runner

    path, moved = act(tmp_path / "000010"), tmp_path / "moved"
    make_checkpoint(tmp_path / "x", seed=5, cube=False, cameras={"wrist": (48, 36)}).rename(moved)
    [frame] = frames(1)
    there = RemoteRunner(path, served.address, str(moved)).act(frame, task="pick", robot_type="", rows=6)
    np.testing.assert_allclose(there, Runner(moved).act(frame, task="pick", robot_type="", rows=6), atol=1e-4)
    gone = RemoteRunner(path, served.address, "/nowhere/at all")
    with pytest.raises(ServerTrouble, match=r"could not load /nowhere/at all, which has to be a checkpoint there"):
        gone.act(frame, task="pick", robot_type="", rows=6)


def test_what_the_server_cannot_infer_is_said_with_where_to_look(tmp_path: Path, served: InferenceServer) -> None:
    [frame] = frames(1)
    runner = RemoteRunner(act(tmp_path / "000010"), served.address)
    short = frame | {"observation.state": np.zeros(4, np.float32)}
    with pytest.raises(ServerTrouble, match=r"gave no actions: what it printed there says why"):
        runner.act(short, task="pick", robot_type="", rows=6)


def test_nobody_there_and_an_address_elsewhere_are_said_before_anything_is_sent(tmp_path: Path) -> None:
    path = act(tmp_path / "000010")
    with pytest.raises(ServerTrouble) as trouble:
        RemoteRunner(path, "localhost:9")
    assert str(trouble.value).startswith("no inference server answers at 127.0.0.1:9: start `python -m lerobot.async_")
    assert str(trouble.value).endswith("`ssh -L 9:localhost:9 HOST`")
    with pytest.raises(Refusal, match="is not loopback"):
        RemoteRunner(path, "192.0.2.7:8080")


def test_those_that_are_served_are_those_that_lerobot_serves() -> None:
    from lerobot.async_inference.constants import SUPPORTED_POLICIES

    assert set(SUPPORTED_POLICIES) - set(SERVED) == {"diffusion", "tdmpc", "vqbet"}, "more than one observation each"


# --- answers that are none --------------------------------------------------------------------------


class Bomb:
    """Pickled, it calls `os.system`."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def timed(*actions: Any) -> bytes:
    from lerobot.async_inference.helpers import TimedAction

    return pickle.dumps([TimedAction(timestamp=1.0, timestep=4 + n, action=a) for n, a in enumerate(actions)])


def inside_a_tensor(mark: Path) -> bytes:
    """As a tensor's values, which torch's own unpickling would load with everything in them."""

    class Values:
        def __reduce__(self) -> Any:
            import torch

            held = io.BytesIO()
            torch.save(Bomb(mark), held, _use_new_zipfile_serialization=False)
            return torch.storage._load_from_bytes, (held.getvalue(),)

    return timed(Values())


def test_actions_are_read_as_they_were_written() -> None:
    import torch

    written = torch.arange(18.0).reshape(3, 6)
    number, read = read_actions(timed(*written))
    assert number == 4 and np.array_equal(read, written.numpy())
    assert read_actions(timed(*written.bfloat16()))[1].dtype == np.float32


@pytest.mark.parametrize(
    ("hostile", "why"),
    [
        (lambda mark: pickle.dumps(Bomb(mark)), "it names posix.system"),
        (lambda mark: timed(Bomb(mark)), "it names posix.system"),
        (inside_a_tensor, "it cannot be read"),
        (lambda mark: pickle.dumps([{"action": 1}]), "it is no list of actions"),
        (lambda mark: pickle.dumps([]), "it is no list of actions"),
        (lambda mark: timed(7), "it cannot be read"),
        (lambda mark: b"\x80\x04nonsense", "it cannot be read"),
        (lambda mark: pickle.dumps(getattr), r"it names builtins.getattr"),
    ],
)
def test_a_hostile_pickle_does_nothing(tmp_path: Path, hostile: Any, why: str) -> None:
    with pytest.raises(OddAnswer, match=why):
        read_actions(hostile(tmp_path / "mark"))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("hostile", [inside_a_tensor, lambda mark: timed(Bomb(mark))])
def test_as_lerobots_client_reads_it_it_would_have_done_something(tmp_path: Path, hostile: Any) -> None:
    pickle.loads(hostile(tmp_path / "mark"))
    assert (tmp_path / "mark").exists()


def test_a_server_that_answers_with_one_is_left_with_a_sentence(tmp_path: Path) -> None:
    import grpc
    from lerobot.transport import services_pb2, services_pb2_grpc

    class Hostile(services_pb2_grpc.AsyncInferenceServicer):
        def __getattribute__(self, name: str) -> Any:
            if name == "GetActions":
                return lambda *_: services_pb2.Actions(data=pickle.dumps(Bomb(tmp_path / "mark")))
            return lambda *_: services_pb2.Empty()

    server = grpc.server(ThreadPoolExecutor(2))
    services_pb2_grpc.add_AsyncInferenceServicer_to_server(Hostile(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        runner = RemoteRunner(act(tmp_path / "000010"), f"127.0.0.1:{port}")
        with pytest.raises(ServerTrouble, match=r"is not used: it names posix.system, which no list of actions needs"):
            runner.act(frames(1)[0], task="pick", robot_type="", rows=6)
    finally:
        server.stop(0)
    assert not (tmp_path / "mark").exists()


# --- an evaluation ----------------------------------------------------------------------------------


async def test_a_server_that_is_slow_starves_the_arm_and_one_that_dies_leaves_it_holding_and_the_trial_to_be_judged(
    quick_rig: Rig, zygote: Zygote, tmp_path: Path
) -> None:
    slow = InferenceServer(zygote, tmp_path, latency_s=0.6)  # more than the 12 actions of a chunk last
    policy = checkpoint(quick_rig, "looks", cameras={"wrist": (96, 72)}, cube=False)
    options = {"policy": policy, "server": slow.address, "lockstep": False, "trial_seconds": 20.0}
    async with evaluating(quick_rig, quick_rig.small(), **options) as link:
        loaded = link.snapshot.policy
        assert loaded is not None and loaded.device == f"cpu at 127.0.0.1:{slow.port}"
        await start(link)
        await link.until(lambda s: link.telemetry is not None and link.telemetry.starved > 10, 30)
        state = await judge(link, 1)
        measured = state.trials[0].measured
        assert measured is not None and measured.infer_ms >= 600 and measured.starved > 10, measured
        await start(link)
        slow.kill()
        state = await pending(link)
        assert (state.phase, state.pending.ended_by) == (Phase.JUDGING, EndedBy.FAILED)
        assert state.pending.why.startswith(f"no inference server answers at 127.0.0.1:{slow.port}: start `python -m")
