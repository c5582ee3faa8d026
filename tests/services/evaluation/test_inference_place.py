"""Where a policy may run: here, or behind a loopback address; the reason where it may not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from services.checkpoints.checkpoint import Checkpoint, PolicyFeature
from services.evaluation import inference_place
from services.evaluation import plan as evaluation
from services.evaluation.inference_place import HERE, REALTIME, Place, check_served, place, server
from services.refusal import Refusal
from tests.services.evaluation.test_plan import bench, write_policy
from tests.support.runs import make_folder


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("localhost:8080", "127.0.0.1:8080"),
        ("LOCALHOST", "127.0.0.1:8080"),
        (" 127.0.0.1:5555 ", "127.0.0.1:5555"),
        ("127.3.2.1:1", "127.3.2.1:1"),
        ("[::1]:65535", "[::1]:65535"),
        ("[::1]", "[::1]:8080"),
    ],
)
def test_loopback_is_spoken_to_by_number(written: str, target: str) -> None:
    assert server(written).target == target


@pytest.mark.parametrize(
    "written",
    ["10.0.0.5:8080", "gpu.lab:8080", "0.0.0.0:80", "[::]:80", "[fe80::1]:80", "128.0.0.1:80", "2130706433:80",
     "127.1:80", "localhost.evil.org:8080", "[::ffff:10.0.0.1]:80", "127.0.0.1.nip.io:8080"],
)  # fmt: skip
def test_any_other_address_is_refused_with_the_reason_and_the_way(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        server(written)
    said = str(refused.value)
    assert "is not loopback" in said and "unpickle what they receive" in said
    port = written.rpartition(":")[2]
    assert f"`ssh -L {port}:localhost:{port} " in said and said.endswith(f", then give --server localhost:{port}")


@pytest.mark.parametrize(
    "written", ["", "localhost:", "localhost:0", "localhost:65536", "localhost:٣", "a b:1", "::1:80", "unix:/x", ":8"]
)
def test_what_is_no_address_is_said_so(written: str) -> None:
    with pytest.raises(Refusal, match=r"the server's address is HOST:PORT, as localhost:8080, not '"):
        server(written)


def test_localhost_is_refused_where_the_machine_calls_another_one_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 0)) for number in ("127.0.0.1", "10.1.2.3")]
    monkeypatch.setattr(inference_place.socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(Refusal, match="is not loopback"):
        server("localhost:8080")


def test_a_forms_text_says_server_path_or_chunking() -> None:
    assert place(HERE) == place("") == Place()
    assert place(REALTIME) == Place(rtc=True)
    assert place("localhost:8080") == Place("localhost:8080")
    assert place(" localhost:8080   /there/my policy ") == Place("localhost:8080", "/there/my policy")


def test_a_plan_keeps_the_server_and_refuses_what_it_would_not_run(tmp_path: Path) -> None:
    folder, profile = make_folder(tmp_path), bench()
    path = write_policy(folder, camera="wrist")
    asked = {"checkpoint": str(path), "task": "pick", "server": "localhost:9"}
    kept = evaluation.plan(folder, profile, **asked, server_path="/there/x")
    assert (kept.server, kept.server_path, kept.rtc) == ("localhost:9", "/there/x", False)
    for more, why in (
        ({"server": "gpu:8080"}, "is not loopback"),
        ({"server": "", "rtc": True}, "LeRobot has no real-time chunking for act"),
        ({"server": "", "rtc": True, "checkpoint": "sim-scripted@0.8"}, "no real-time chunking for sim-scripted"),
        ({"rtc": True}, "there is no real-time chunking there"),
        ({"server": "", "server_path": "/there"}, "give --server localhost:8080, too"),
        ({"checkpoint": "sim-scripted@0.8"}, "is the simulated bench's own person"),
    ):
        with pytest.raises(Refusal, match=why):
            evaluation.plan(folder, profile, **asked | more)


def test_a_policy_that_the_server_would_run_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"type": "act", "temporal_ensemble_coeff": 0.01}))
    inputs = {"observation.state": PolicyFeature("STATE", (6,))}
    cube = {"observation.environment_state": PolicyFeature("ENV", (5,))}
    for checkpoint, why in (
        (Checkpoint(path=tmp_path, policy="diffusion", inputs=inputs), "does not run diffusion from one observation"),
        (Checkpoint(path=tmp_path, policy="act", inputs=inputs | cube), "needs observation.environment_state, and"),
        (Checkpoint(path=tmp_path, policy="act", inputs=inputs), "averages its inferences"),
    ):
        with pytest.raises(Refusal, match=why):
            check_served(checkpoint)
